"""Pictures of runs of every kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st
from web.pictures.drawing import SVG, overlaps, parsed, texts
from web.pictures.random_runs import described, moments, names

from flux_web._pictures import chart, graph, timeline

if TYPE_CHECKING:
    import xml.etree.ElementTree as ET

    from flux_core import Run

KNOWN = {"svg", "title", "desc", "g", "text", "path", "rect"}


def assert_sound(picture: ET.Element) -> None:
    """A page may show it as it is: no script, no link, no style, no text over another."""
    assert {element.tag.removeprefix(SVG) for element in picture.iter()} <= KNOWN
    assert not {
        name for element in picture.iter() for name in element.attrib if name in {"style", "id", "href"}
    }
    assert not {name for element in picture.iter() for name in element.attrib if name.startswith("on")}
    assert overlaps(picture) == []


@settings(max_examples=120)
@given(described(), st.one_of(st.none(), names, st.integers(0, 9)))
def test_every_run_has_a_graph(made: tuple[dict[str, Any], Run], step: str | int | None) -> None:
    """Whatever a run and a definition are, they are drawn as well-formed XML, no text over another."""
    description, run = made
    assert_sound(parsed(graph(description, run, step=step)))


@settings(max_examples=50)
@given(described(), st.booleans())
def test_every_graph_can_stand_alone(made: tuple[dict[str, Any], Run], with_run: bool) -> None:  # noqa: FBT001 (drawn)
    """With its own style the picture is well-formed too, and nothing in it can be pressed."""
    picture = parsed(graph(made[0], made[1] if with_run else None, standalone=True))
    assert [element.get("tabindex") for element in picture.iter() if element.get("tabindex")] == []
    assert overlaps(picture) == []


@settings(max_examples=120)
@given(described(), moments, st.one_of(st.integers(280, 1400), st.just("wide")))
def test_every_run_has_a_timeline(made: tuple[dict[str, Any], Run], now: float, width: object) -> None:
    """Whatever its times are, a run is drawn as well-formed XML, no text over another."""
    description, run = made
    assert_sound(parsed(timeline(run, now=now, description=description, width=width)))


@settings(max_examples=80)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(["failed", "completed", "<new>"]), st.integers(0, 10**9)), max_size=9
    ),
    moments,
    st.floats(0, 1e10),
    st.integers(280, 1400),
)
def test_every_count_has_a_chart(
    slots: list[dict[str, int]], since: float, length: float, width: int
) -> None:
    """However many runs there are, and however long ago, they are drawn, no text over another."""
    edges = [(since + index * length, counts) for index, counts in enumerate(slots)]
    picture = parsed(chart(edges, since + len(slots) * length, width=width))
    assert_sound(picture)
    assert texts(picture) != []
