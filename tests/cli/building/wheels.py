"""An index of small wheels in a folder, which pip reads instead of the one on the network."""

from __future__ import annotations

import base64
import hashlib
import os
from importlib.metadata import requires
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

from packaging.requirements import Requirement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


def settings(*folders: Path) -> dict[str, str]:
    """Return the variables that have pip look in the folders and nowhere else, and its branches not counted."""
    links = " ".join(map(str, folders))
    settings = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": links, "PIP_CONFIG_FILE": os.devnull}
    return settings | {"COVERAGE_PROCESS_CONFIG": "", "COVERAGE_PROCESS_START": ""}


def write_wheel(
    folder: Path,
    name: str,
    version: str = "1.0",
    *,
    requires: Iterable[str] = (),
    files: Mapping[str, str] | None = None,
    tag: str = "py3-none-any",
) -> None:
    """Write a wheel with one module, of the distribution's name, and whatever else is said."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    headers = [
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}",
        *(f"Requires-Dist: {one}" for one in requires),
    ]
    contents = {
        f"{module}/__init__.py": f"version = {version!r}\n",
        **(files or {}),
        f"{info}/METADATA": "\n".join([*headers, "", "A page for the index.", ""]),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = [f"{path},sha256={_digest(text)},{len(text)}" for path, text in contents.items()]
    with ZipFile(folder / f"{module}-{version}-{tag}.whl", "w") as wheel:
        for path, text in contents.items():
            wheel.writestr(path, text)
        wheel.writestr(f"{info}/RECORD", "\n".join([*record, f"{info}/RECORD,,", ""]))


def write_what_flux_requires(folder: Path) -> None:
    """Write a wheel for each requirement of Flux's extras, in the oldest version that serves."""
    for line in requires("flux-serverless") or ():
        needed = Requirement(line)
        oldest = next(bound.version for bound in needed.specifier if bound.operator in {">=", "=="})
        write_wheel(folder, needed.name, oldest, **_LIKE.get(needed.name, {}))
    for name in ("botocore", "jmespath", "urllib3", "typing-extensions"):
        write_wheel(folder, name)


_LIKE: dict[str, dict[str, Any]] = {
    "aws-lambda-powertools": {
        "requires": ["jmespath"],
        "files": {
            "aws_lambda_powertools/event_handler/__init__.py": "",
            "aws_lambda_powertools/utilities/__init__.py": "",
            "aws_lambda_powertools/utilities/parser/__init__.py": "",
            "aws_lambda_powertools/utilities/jmespath_utils/__init__.py": "",
        },
    },
    "boto3": {"requires": ["botocore"]},
    "pynamodb": {
        "requires": ["botocore", "urllib3; extra == 'fast'", "typing-extensions; python_version < '3.13'"],
        "files": {"pynamodb/tests/test_models.py": "", "pynamodb/models.pyi": "", "pynamodb/fast.pyx": ""},
    },
}
"""What matters of the real ones, by name."""


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
