"""Runs as the control plane shows them: one whole, or a page of them in short. Tracebacks stay in the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flux_core._serving.control.command import Command


def show(command: Command) -> dict[str, Any]:
    """Return the run that is meant."""
    return command.app.shown(command.stored).to_dict()


def runs(command: Command) -> dict[str, Any]:
    """Return a page of runs: `runs`, and the `cursor` of the next page or null."""
    filters = command.given(
        {
            "workflow": command.text,
            "status": lambda field: (
                command.texts(field) if isinstance(command.fields[field], list) else command.text(field)
            ),
            "since": command.moment,
            "until": command.moment,
            "tag": command.text,
            "id_prefix": command.text,
            "cursor": command.text,
        }
    )
    return command.app.list(**filters, limit=command.count("limit", 50)).to_dict()
