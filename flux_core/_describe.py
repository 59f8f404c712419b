"""A workflow definition drawn for tools and people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flux_core._workflow import COMMIT

if TYPE_CHECKING:
    from flux_core._workflow import Node, Workflow


def describe(workflow: Workflow[Any, Any]) -> dict[str, Any]:
    """Return the definition as a JSON-able dict."""
    return {
        "name": workflow.name,
        "version": workflow.version,
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
            }
            for node in workflow.nodes
        ],
    }


def mermaid(workflow: Workflow[Any, Any]) -> str:
    """Return the definition as a Mermaid flowchart: commits double-framed, a condition as a diamond before its node."""
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
        frame = ("[[", "]]") if node.kind == COMMIT else ("[", "]")
        lines.append(f'    {here}{frame[0]}"{_label(node)}"{frame[1]}')
        ends.append(here)
    lines.append("    done([completed])")
    lines += [f"    {end} --> done" for end in ends]
    return "\n".join(lines) + "\n"


def _label(node: Node) -> str:
    details = [f"retries {node.retry.retries}"] if node.retry else []
    details += [f"timeout {node.timeout:g} s"] if node.timeout else []
    text = "".join(f"#{ord(character)};" if character in '"#<>&`' else character for character in node.name)
    return f"{text}<br/><small>{', '.join(details)}</small>" if details else text


def _type_name(annotation: object) -> str:
    return getattr(annotation, "__qualname__", None) or repr(annotation)
