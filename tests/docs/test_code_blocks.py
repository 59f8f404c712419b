"""Every Python block of the documents runs, as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from services.require import skip_or_fail

ROOT = Path(__file__).parents[2]
DESIGN = ROOT.parent / "shared" / "DESIGN.md"
"""It stands beside the repository, if it is there."""
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")), DESIGN]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str]]:
    """Return the name and the code of each block that is to run; of the design, those of section 2."""
    found = []
    for path in DOCUMENTS:
        text = path.read_text() if path.exists() else ""
        if path == DESIGN:
            text = text.partition("\n## 2.")[2].partition("\n## 3.")[0]
        found += [(f"{path.name} #{number}", code) for number, code in enumerate(BLOCK.findall(text), 1)]
    return found


@pytest.mark.parametrize(("name", "code"), blocks(), ids=[name for name, _ in blocks()])
def test_a_python_block_runs_in_an_empty_folder(name: str, code: str, tmp_path: Path) -> None:
    """The block, saved as a file and run on its own, ends without an error, and says nothing of one."""
    script = tmp_path / "example.py"
    script.write_text(code)
    environment = os.environ | {
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'adapters'}",
        "FLUX_STORE": f"sqlite:///{tmp_path}/runs.db",  # not the one in /tmp, which others may have
    }
    ended = subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_the_design_is_there_to_be_read() -> None:
    """Where it is not that is a skip, and with FLUX_TEST_REQUIRE=all a failure: none of its blocks was run."""
    if not DESIGN.exists():
        skip_or_fail(f"{DESIGN} is not there, so that its blocks were not run")


def test_the_readme_has_blocks_to_run() -> None:
    """The test above runs something: the README opens with an example."""
    assert any(name.startswith("README") for name, _ in blocks())
