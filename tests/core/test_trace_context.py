"""The place in a trace that a sender names, by W3C's Trace Context."""

from __future__ import annotations

import pytest

from flux_core._serving.trace_context import LONGEST, traceparent_in, valid_traceparent

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GIVEN = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize("name", ["traceparent", "Traceparent", "TRACEPARENT"])
def test_the_name_of_the_header_may_be_in_any_case(name: str) -> None:
    """Front ends write header names as they like."""
    assert traceparent_in({"Host": "here", name: GIVEN}) == GIVEN


def test_headers_without_it_name_no_place() -> None:
    """A request without the header belongs to no trace."""
    assert traceparent_in({"tracestate": "a=1"}) is None


@pytest.mark.parametrize(
    "headers",
    [{"traceparent": GIVEN, "Traceparent": GIVEN}, {"traceparent": f"{GIVEN},{GIVEN}"}],
    ids=["two names", "joined"],
)
def test_two_of_them_name_no_place(headers: dict[str, str]) -> None:
    """Of two headers nobody knows which counts."""
    assert traceparent_in(headers) is None


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        (GIVEN, GIVEN),
        (f"00-{TRACE}-{SPAN}-00", f"00-{TRACE}-{SPAN}-00"),
        (f" {GIVEN}\t", GIVEN),
        (f"00-{TRACE}-{SPAN}-03", f"00-{TRACE}-{SPAN}-03"),
        (f"00-{TRACE}-{SPAN}-ff", f"00-{TRACE}-{SPAN}-03"),
        (f"01-{TRACE}-{SPAN}-01", GIVEN),
        (f"cc-{TRACE}-{SPAN}-09-what-the-future-holds", GIVEN),
        (f"fe-{TRACE}-{SPAN}-01-", GIVEN),
    ],
)
def test_what_names_a_place_is_handed_on_in_the_version_known_here(text: str, taken: str) -> None:
    """Later versions are read as far as this one goes; flags without a meaning become 0."""
    assert valid_traceparent(text) == taken


@pytest.mark.parametrize(
    "text",
    [
        None,
        7,
        GIVEN.encode(),
        "",
        "null",
        f"ff-{TRACE}-{SPAN}-01",
        f"ff-{TRACE}-{SPAN}-01-more",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE[:-1]}g-{SPAN}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}0-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01-",
        f"01-{TRACE}-{SPAN}-01more",
        f"01-{TRACE}-{SPAN}-01-a,{GIVEN}",
        f"{GIVEN}\n",
        f"0-{TRACE}-{SPAN}-01",
        f"0٣-{TRACE}-{SPAN}-01",
    ],
)
def test_what_breaks_the_rules_names_no_place(text: object) -> None:
    """It is passed over, and a trace of its own begins; it never fails the request."""
    assert valid_traceparent(text) is None


@pytest.mark.parametrize(("length", "taken"), [(LONGEST, GIVEN), (LONGEST + 1, None)])
def test_a_header_that_is_too_long_is_not_looked_at(length: int, taken: str | None) -> None:
    """A later version may be longer than this one, within reason."""
    assert valid_traceparent(f"01-{TRACE}-{SPAN}-01-".ljust(length, "x")) == taken
