"""The SAM command line, in an environment of its own: it pins what the tests need in other versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .tool_venv import tool_venv

if TYPE_CHECKING:
    from pathlib import Path

_VERSION = "1.170.0"
SAM_ENVIRONMENT = {
    "SAM_CLI_TELEMETRY": "0",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}
"""What it needs to know beside its arguments, when nothing it calls is AWS's."""


def sam_binary(program: str = "sam") -> Path:
    """Return the path of its command, or of `cfn-lint`, which comes with it; installed once into `.cache/services/`."""
    return tool_venv(f"aws-sam-cli-{_VERSION}", f"aws-sam-cli=={_VERSION}") / program
