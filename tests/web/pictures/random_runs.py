"""Runs and definitions of every kind, and many that no engine would make: a picture must be drawn of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from flux_core import Run, RunStatus, StepRecord, StepStatus
from flux_core._run import ErrorInfo, Try

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

NASTY = [
    "<script>alert(1)</script>",
    '"><img onerror=x>',
    "&amp;",
    "]]>",
    "\x00\x1b\x0b",
    "\ud800",
    "\u202eevil\n\t",
]

names = st.one_of(
    st.sampled_from(["a", "b", "charge", *NASTY]), st.text(max_size=60), st.text("wW界🎉", max_size=120)
)
moments = st.one_of(
    st.floats(0, 100), st.floats(1.7e9, 1.7e9 + 90), st.floats(0, 4e9), st.sampled_from([0.0, 2.5e11, -1e9])
)
maybe = st.one_of(st.none(), moments)
errors = st.builds(
    ErrorInfo, names, names, st.just("STEP_FAILED"), st.booleans(), traceback=st.none(), cause=st.none()
)
kinds = st.sampled_from(["step", "commit", "sleep", "wait", "map"])


def records(kind: SearchStrategy[str] = kinds) -> SearchStrategy[StepRecord]:
    """Give records of nodes."""
    return st.builds(
        StepRecord,
        names,
        kind,
        st.sampled_from(StepStatus),
        attempts=st.integers(0, 30),
        started_at=maybe,
        completed_at=maybe,
        error=st.one_of(st.none(), errors),
        tries=st.lists(st.builds(Try, moments, moments, errors), max_size=3).map(tuple),
        tried_at=maybe,
    )


runs = st.builds(
    Run,
    id=names,
    workflow=names,
    version=names,
    fingerprint=st.just(""),
    status=st.sampled_from([*RunStatus, "new<here>"]),
    input=st.none(),
    data=st.just({}),
    initial=st.just({}),
    history=st.lists(records(), max_size=5).map(tuple),
    compensations=st.lists(records(st.just("compensation")), max_size=3).map(tuple),
    error=st.one_of(st.none(), errors),
    inbox=st.lists(names, max_size=2).map(tuple),
    waits_for=st.one_of(st.none(), names),
    waits_until=maybe,
    expires_at=maybe,
    tags=st.just(()),
    revision=st.just(1),
    interruptions=st.just(0),
    held_until=maybe,
    wake_at=maybe,
    created_at=moments,
    updated_at=moments,
    traceparent=st.none(),
)

nodes = st.fixed_dictionaries(
    {"name": names, "kind": kinds},
    optional={
        "retries": st.one_of(st.none(), st.integers(0, 9)),
        "timeout": st.one_of(st.none(), st.floats(0, 1e9)),
        "conditional": st.booleans(),
        "compensated": st.booleans(),
        "once": st.booleans(),
        "duration": st.one_of(st.none(), st.floats(0, 1e9)),
        "on_timeout": st.sampled_from([None, "fail", "skip"]),
    },
)


@st.composite
def described(draw: st.DrawFn) -> tuple[dict[str, Any], Run]:
    """Give a run and a definition that it may, or may not, have been made by."""
    run = draw(runs)
    own = [
        draw(nodes) | {"name": record.name, "kind": record.kind}
        for record in run.history
        if draw(st.integers(0, 9))
    ]
    made = own + draw(st.lists(nodes, max_size=3))
    return {"name": run.workflow, "version": run.version, "timeout": draw(maybe), "nodes": made}, run
