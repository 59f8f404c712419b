"""The example packs what its function needs, as the SAM application does."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from terraform.files import EXAMPLE

if TYPE_CHECKING:
    from pathlib import Path


def test_the_package_holds_the_handler_and_what_it_imports(tmp_path: Path) -> None:
    """`make package` puts the app, Flux and its dependencies side by side, and `import app` finds all of it there."""
    build = tmp_path / "build"
    make = ["make", "-C", str(EXAMPLE), "package", f"BUILD={build}", f"PYTHON={sys.executable}"]
    made = subprocess.run(make, capture_output=True, text=True, check=False, timeout=120)
    assert made.returncode == 0, made.stdout + made.stderr
    loaded = (
        "import app, flux_aws, flux_core, pynamodb; print(app.__file__, flux_aws.__file__, pynamodb.__file__)"
    )
    isolated = [
        sys.executable,
        "-I",
        "-c",
        f"import sys; sys.path.insert(0, {str(build / 'function')!r}); {loaded}",
    ]
    found = subprocess.run(
        isolated, capture_output=True, text=True, check=True, env={"FLUX_STORE": "memory://"}
    )
    assert all(path.startswith(str(build / "function")) for path in found.stdout.split())
