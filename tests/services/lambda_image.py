"""A stand-in for AWS's image of the Lambda runtime, laid out as that is, and made of what this machine has.

It holds the running Python in `/var/lang`, boto3 and AWS's own runtime client in `/var/runtime`, the runtime
interface emulator, and the system's libraries that they need. Nothing is fetched but the emulator. It is not Amazon
Linux: it shows that a package is whole and runs in its container, not that a compiled library suits AWS's image.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

from .lambda_rie import emulator_binary
from .require import skip_or_fail

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .podman import Podman

RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
"""Lambda's name for the running Python."""
ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
"""Lambda's name for this machine's processor."""

_PROGRAMS = ("sh", "mv", "chmod", "cp", "rm", "mkdir")  # what sam's own layer of the image calls
_RUNTIME_PACKAGES = (
    *("awslambdaric", "simplejson", "snapshot-restore-py"),
    *("boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "six", "urllib3"),
)
_NOT_NEEDED = (
    "site-packages",
    "test",
    "idlelib",
    "lib2to3",
    "ensurepip",
    "tkinter",
    "config-*",
    "*.opt-?.pyc",
)
_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
    "lambda-entrypoint.sh": """#!/bin/sh
export _HANDLER="$1"
[ -n "${AWS_LAMBDA_RUNTIME_API}" ] && exec /var/runtime/bootstrap
exec /usr/local/bin/aws-lambda-rie /var/runtime/bootstrap
""",
    "var/runtime/bootstrap": f"""#!/bin/sh
export AWS_EXECUTION_ENV=AWS_Lambda_{RUNTIME}
export PYTHONPATH="/var/runtime${{PYTHONPATH:+:$PYTHONPATH}}"
exec /var/lang/bin/{RUNTIME} -m awslambdaric "${{_HANDLER:-$1}}"
""",
}
_SETTINGS = (
    "ENV LANG=en_US.UTF-8",
    "ENV PATH=/var/lang/bin:/usr/local/bin:/usr/bin:/bin:/opt/bin",
    (
        "ENV LD_LIBRARY_PATH=/var/lang/lib:/lib64:/usr/lib64"
        ":/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
    ),
    "ENV LAMBDA_TASK_ROOT=/var/task",
    "ENV LAMBDA_RUNTIME_DIR=/var/runtime",
    "WORKDIR /var/task",
    'ENTRYPOINT ["/lambda-entrypoint.sh"]',
)


def make_lambda_image(podman: Podman) -> str:
    """Make the image, under the name by which `sam local` asks for it, and return that name."""
    name = f"public.ecr.aws/lambda/python:{RUNTIME.removeprefix('python')}-{ARCHITECTURE}"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "root")
        _fill(root)
        archive = shutil.make_archive(str(Path(folder, "image")), "tar", root)
        changes = [f"--change={setting}" for setting in _SETTINGS]
        podman.run("import", "--quiet", *changes, archive, name)
    return name


def _fill(root: Path) -> None:
    """Lay the image's files out."""
    for folder in ("tmp", "var/task", "opt", "bin", "usr/local/bin"):
        (root / folder).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    python = Path(sys.executable).resolve()
    _copy(python, root / "var/lang/bin" / RUNTIME)
    stdlib = Path(sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix}))
    shutil.copytree(
        stdlib, root / "var/lang/lib" / RUNTIME, ignore=shutil.ignore_patterns(*_NOT_NEEDED), symlinks=True
    )
    for package in _RUNTIME_PACKAGES:
        _copy_package(package, root / "var/runtime")
    for program in _PROGRAMS:
        _copy(Path(shutil.which(program) or f"/bin/{program}"), root / "bin" / program)
    for library in _libraries([python, *(root / "bin").iterdir(), *root.rglob("*.so")]):
        _copy(library, root / library.relative_to("/"))
    _copy(emulator_binary(), root / "usr/local/bin/aws-lambda-rie")
    for file, text in _FILES.items():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(text)
        (root / file).chmod(0o755)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)  # a link is followed; times are kept, so that what is compiled counts


def _copy_package(name: str, target: Path) -> None:
    """Copy an installed package as its list of files has it."""
    try:
        files = distribution(name).files or []
    except PackageNotFoundError:
        skip_or_fail(
            f"{name}, which is in Lambda's image, is missing: {sys.executable} -m pip install {name}"
        )
    for file in files:
        if ".." not in file.parts and (installed := Path(str(file.locate()))).is_file():
            _copy(installed, target / file)


def _libraries(programs: list[Path]) -> Iterator[Path]:
    """Return the shared libraries that the programs and libraries load, each by the path where it is looked for."""
    ldd = [shutil.which("ldd") or "ldd", *map(str, programs)]
    said = subprocess.run(ldd, capture_output=True, text=True, check=False).stdout
    yield from {Path(path) for path in re.findall(r"^\t(?:.* => )?(/\S+) \(0x", said, re.MULTILINE)}
