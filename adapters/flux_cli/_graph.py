"""`flux graph`: a workflow drawn."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from flux_cli._exit import ExitCode
from flux_cli._find_app import required_app
from flux_cli._options import placed
from flux_core import InvalidInput, Workflow

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_cli._options import Place


def _json(workflow: Workflow[Any, Any]) -> str:
    return json.dumps(workflow.describe(), indent=2) + "\n"


def _svg(workflow: Workflow[Any, Any]) -> str:
    pictures = import_module("flux_web._pictures")  # the viewer's, without its server
    return str(pictures.graph(workflow.describe(), standalone=True))


FORMATS: Final[dict[str, Callable[[Workflow[Any, Any]], str]]] = {
    "mermaid": Workflow.mermaid,
    "svg": _svg,
    "json": _json,
}


@click.command
@click.argument("workflow")
@click.option("--format", "form", type=click.Choice([*FORMATS]), default="mermaid", show_default=True)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="The file to write; else standard output."
)
@placed
def graph(place: Place, workflow: str, *, form: str, out: Path | None) -> ExitCode:
    """Draw a workflow as Mermaid, SVG or JSON."""
    if place.remote is not None:
        raise click.UsageError("a workflow is drawn from its app, and not from a function: give --app")
    drawn = FORMATS[form](required_app(place.app).workflow(workflow))
    if out is None:
        click.echo(drawn, nl=False)
        return ExitCode.DONE
    try:
        out.write_text(drawn, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"the file {out} cannot be written: {error.strerror}") from error
    return ExitCode.DONE
