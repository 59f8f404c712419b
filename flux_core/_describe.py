"""A workflow definition drawn for tools and people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flux_core._workflow import COMMIT, SLEEP, STEP, WAIT

if TYPE_CHECKING:
    from flux_core._workflow import Node, Workflow


FRAMES: Final = {STEP: ("[", "]"), COMMIT: ("[[", "]]"), SLEEP: ("(", ")"), WAIT: ("{{", "}}")}


def describe(workflow: Workflow[Any, Any]) -> dict[str, Any]:
    """Return the definition as a JSON-able dict."""
    return {
        "name": workflow.name,
        "version": workflow.version,
        "timeout": workflow.timeout,
        "fingerprint": workflow.fingerprint,
        "input": _type_name(workflow.input),
        "data": _type_name(workflow.data),
        "nodes": [
            {
                "name": node.name,
                "kind": node.kind,
                "retries": node.retry.retries if node.retry else None,
                "timeout": node.timeout,
                "conditional": node.when is not None,
                "compensated": node.compensate is not None,
                "once": node.once,
                "duration": node.duration if isinstance(node.duration, int | float) else None,
                "on_timeout": node.on_timeout if node.kind == WAIT else None,
            }
            for node in workflow.nodes
        ],
    }


def mermaid(workflow: Workflow[Any, Any]) -> str:
    """Return the definition as a Mermaid flowchart.

    Commits are double-framed, sleeps are rounded and waits hexagons; a condition is a diamond before its node.
    """
    lines = ["flowchart TD", "    start([start])"]
    ends = ["start"]  # whatever leads to the next node
    for index, node in enumerate(workflow.nodes):
        here = f"n{index}"
        if node.when is not None:
            lines.append(f"    w{index}{{when}}")
            lines += [f"    {end} --> w{index}" for end in ends]
            lines.append(f"    w{index} -- yes --> {here}")
            ends = [f"w{index} -- no"]
        else:
            lines += [f"    {end} --> {here}" for end in ends]
            ends = []
        frame = FRAMES[node.kind]
        lines.append(f'    {here}{frame[0]}"{_label(node)}"{frame[1]}')
        ends.append(here)
    lines.append("    done([completed])")
    lines += [f"    {end} --> done" for end in ends]
    return "\n".join(lines) + "\n"


def _label(node: Node) -> str:
    details = [f"retries {node.retry.retries}"] if node.retry else []
    details += [f"timeout {node.timeout:g} s"] if node.timeout else []
    details += ["skipped on timeout"] if node.on_timeout == "skip" else []
    details += [f"{node.duration:g} s"] if isinstance(node.duration, int | float) else []
    details += ["once"] if node.once else []
    details += ["compensated"] if node.compensate else []
    text = "".join(f"#{ord(character)};" if character in '"#<>&`' else character for character in node.name)
    return f"{text}<br/><small>{', '.join(details)}</small>" if details else text


def _type_name(annotation: object) -> str:
    return getattr(annotation, "__qualname__", None) or repr(annotation)
