"""What `--json` prints: documents as `flux_core` makes them, one a line."""

from __future__ import annotations

import json
from typing import Any

import click


def print_document(document: dict[str, Any]) -> None:
    """Print the document on a line of its own."""
    click.echo(json.dumps(document))
