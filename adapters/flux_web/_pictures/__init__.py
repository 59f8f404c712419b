"""Pictures of workflows, of runs and of how many there are, as SVG: pure text in, text out.

They carry classes and no styles, so that a strict Content-Security-Policy lets a page show them; the page's stylesheet
gives them colours. Whatever comes from users (names, ids, errors, tags) is text in them, never markup.
"""

from __future__ import annotations

from flux_web._pictures.columns import chart
from flux_web._pictures.flowchart import graph
from flux_web._pictures.gantt import timeline

__all__ = ["chart", "graph", "timeline"]
