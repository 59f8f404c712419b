"""The workflow builder: a value, checked as it is built."""

from __future__ import annotations

import json
from datetime import timedelta
from math import inf, nan
from typing import TYPE_CHECKING, Any

import pytest

from flux_core import Context, Engine, InvalidWorkflow, Node, Retry, StepNotFound, Workflow

if TYPE_CHECKING:
    from collections.abc import Callable

Ctx = Context[Any, Any]
ANY: Any = None


def work(ctx: Ctx) -> None:
    """Do nothing."""


def test_a_call_returns_a_new_workflow() -> None:
    """Adding a node leaves the workflow that it was added to as it was."""
    empty = Workflow("w")
    one = empty.step("a", work)
    two = one.commit("b", work)
    assert [len(workflow.nodes) for workflow in (empty, one, two)] == [0, 1, 2]


def test_two_workflows_can_grow_from_one() -> None:
    """Branches of a definition do not see each other."""
    trunk = Workflow("w").step("a", work)
    left, right = trunk.step("b", work), trunk.commit("b", work)
    assert (left.nodes[1].kind, right.nodes[1].kind) == ("step", "commit")


def test_a_node_keeps_what_its_call_said() -> None:
    """Every option stands in the node, durations in seconds."""
    node = (
        Workflow("w")
        .step("a", work, retries=3, timeout=timedelta(minutes=1), when=bool, compensate=work)
        .nodes[0]
    )
    assert node == Node("a", "step", work, Retry(3), 60.0, bool, work)


def test_a_node_that_says_nothing_leaves_it_to_the_engine() -> None:
    """Retries and time-out are None unless they are given."""
    assert Workflow("w").commit("a", work).nodes[0] == Node("a", "commit", work)


def test_a_retry_policy_is_taken_as_it_is() -> None:
    """A `Retry` is not wrapped in another."""
    policy = Retry(2, initial=0.5)
    assert Workflow("w").step("a", work, retries=policy).nodes[0].retry is policy


@pytest.mark.parametrize("name", ["a", "with space", "naïve", "x" * 128, "a.b:c@d-e"])
def test_a_name_may_be_any_printable_text(name: str) -> None:
    """Names of 1 to 128 printable characters are taken."""
    assert Workflow(name).step(name, work).index(name) == 0


@pytest.mark.parametrize("name", ["", " ", "a/b", "x" * 129, "a\nb", "\x00", 3, None])
@pytest.mark.parametrize(
    "build",
    [
        Workflow,
        lambda name: Workflow("w", version=name),
        lambda name: Workflow("w").step(name, work),
        lambda name: Workflow("w").commit(name, work),
    ],
)
def test_a_name_that_cannot_be_persisted_is_refused(build: Callable[[Any], object], name: object) -> None:
    """Empty, too long, unprintable names and names with a slash are errors when the workflow is built."""
    with pytest.raises(InvalidWorkflow, match="name"):
        build(name)


def test_a_name_is_used_once() -> None:
    """Two nodes of one name are refused, whatever their kinds."""
    with pytest.raises(InvalidWorkflow, match=r"commit 'a' of workflow 'w': the name is used twice"):
        Workflow("w").step("a", work).commit("a", work)


@pytest.mark.parametrize("retries", [-1, True, False, 1.5, 1.0, "3"])
def test_retries_that_are_no_count_are_refused(retries: Any) -> None:
    """Retries are a whole number, 0 or more; the error says of which node."""
    with pytest.raises(InvalidWorkflow, match=r"step 'a' of workflow 'w': retries must be a whole number"):
        Workflow("w").step("a", work, retries=retries)


@pytest.mark.parametrize("timeout", [0, -1, 0.0, nan, True, timedelta(0), timedelta(seconds=-1), "30", []])
def test_a_timeout_that_is_no_duration_is_refused(timeout: Any) -> None:
    """A time-out is more than 0 seconds, in seconds or as a timedelta."""
    with pytest.raises(InvalidWorkflow, match=r"step 'a' of workflow 'w': timeout must be more than 0"):
        Workflow("w").step("a", work, timeout=timeout)


@pytest.mark.parametrize("handler", [None, "work", 3])
def test_a_handler_that_cannot_be_called_is_refused(handler: Any) -> None:
    """The handler must be callable."""
    with pytest.raises(InvalidWorkflow, match=r"step 'a' of workflow 'w': the handler must be callable"):
        Workflow("w").step("a", handler)


@pytest.mark.parametrize("option", ["when", "compensate"])
def test_a_condition_or_compensation_that_cannot_be_called_is_refused(option: str) -> None:
    """What is to be called later is checked now."""
    options: dict[str, Any] = {option: True}
    with pytest.raises(InvalidWorkflow, match=f"{option} must be callable; got True"):
        Workflow("w").step("a", work, **options)


def test_an_empty_workflow_is_refused_when_it_is_used() -> None:
    """A workflow grows from an empty one, so that it is empty shows when it is run."""
    with pytest.raises(InvalidWorkflow, match=r"workflow 'w' is empty; add a step or a commit"):
        Engine().execute(Workflow("w"), {})


@pytest.mark.parametrize("tp", [int, object, list[str]])
def test_data_without_fields_is_refused(tp: Any) -> None:
    """A run's data is a type with fields."""
    with pytest.raises(InvalidWorkflow):
        _ = Workflow("w", data=tp).step("a", work).plan


def test_an_input_that_cannot_be_saved_is_refused() -> None:
    """The input's type must be one that Flux can save."""
    with pytest.raises(InvalidWorkflow):
        _ = Workflow("w", input=Engine).step("a", work).plan


def test_the_index_is_the_place_of_a_node() -> None:
    """Nodes count from 0."""
    workflow = Workflow("w").step("a", work).step("b", work)
    assert [workflow.index("a"), workflow.index("b")] == [0, 1]


def test_an_unknown_node_is_named_with_those_there_are() -> None:
    """`StepNotFound` lists the nodes."""
    with pytest.raises(StepNotFound, match=r"workflow 'w' has no step 'c'; it has: a, b"):
        Workflow("w").step("a", work).step("b", work).index("c")


def test_a_workflow_is_compiled_once() -> None:
    """The plan of a workflow is made at its first use and kept."""
    workflow = Workflow("w").step("a", work)
    assert workflow.plan is workflow.plan


def test_the_fingerprint_is_the_same_in_every_process() -> None:
    """A stored run is recognised by a later deployment."""
    assert Workflow("w").step("a", work).commit("b", work).fingerprint == "61bb7235ec50cfdd"


@pytest.mark.parametrize(
    "other",
    [
        Workflow("w").step("a", work).step("c", work),
        Workflow("w").step("a", work).commit("b", work),
        Workflow("w").step("b", work).step("a", work),
        Workflow("w").step("a", work),
        Workflow("w").step("a", work).step("b", work).step("c", work),
    ],
    ids=["name", "kind", "order", "fewer", "more"],
)
def test_the_fingerprint_changes_with_the_shape(other: Workflow[Any, Any]) -> None:
    """Names, kinds and order make the shape."""
    assert other.fingerprint != Workflow("w").step("a", work).step("b", work).fingerprint


def test_the_fingerprint_does_not_change_with_options() -> None:
    """Retries, time-outs, conditions, handlers, version and name are not the shape."""
    other = Workflow("v", version="2").step("a", print, retries=3, timeout=5, when=bool, compensate=print)
    assert other.fingerprint == Workflow("w").step("a", work).fingerprint


def test_describe_says_the_whole_definition() -> None:
    """The description is JSON-able and names every node with its options."""
    workflow = (
        Workflow("w", data=dict[str, int], version="2", timeout=timedelta(hours=1))
        .step("a", work)
        .commit("b", work, retries=3, timeout=5, when=bool, compensate=work, once=True)
        .sleep("c", 60)
        .sleep("d", lambda ctx: 60)
        .wait("e", timeout=9, on_timeout="skip")
    )
    nothing = {
        "retries": None,
        "timeout": None,
        "conditional": False,
        "compensated": False,
        "once": False,
        "duration": None,
        "on_timeout": None,
    }
    described = json.loads(json.dumps(workflow.describe()))
    assert described == {
        "name": "w",
        "version": "2",
        "timeout": 3600.0,
        "fingerprint": workflow.fingerprint,
        "input": "dict",
        "data": "dict",
        "nodes": [
            nothing | {"name": "a", "kind": "step"},
            nothing
            | {
                "name": "b",
                "kind": "commit",
                "retries": 3,
                "timeout": 5.0,
                "conditional": True,
                "compensated": True,
                "once": True,
            },
            nothing | {"name": "c", "kind": "sleep", "duration": 60.0},
            nothing | {"name": "d", "kind": "sleep"},
            nothing | {"name": "e", "kind": "wait", "timeout": 9.0, "on_timeout": "skip"},
        ],
    }


def test_mermaid_draws_nodes_conditions_and_options() -> None:
    """A commit is double-framed; the node after a conditional one is reached on both ways."""
    workflow = (
        Workflow("w")
        .step("a", work)
        .commit("b", work, when=bool, retries=3, timeout=1.5)
        .step("c", work, timeout=90)
    )
    assert workflow.mermaid() == (
        "flowchart TD\n"
        "    start([start])\n"
        "    start --> n0\n"
        '    n0["a"]\n'
        "    w1{when}\n"
        "    n0 --> w1\n"
        "    w1 -- yes --> n1\n"
        '    n1[["b<br/><small>retries 3, timeout 1.5 s</small>"]]\n'
        "    w1 -- no --> n2\n"
        "    n1 --> n2\n"
        '    n2["c<br/><small>timeout 90 s</small>"]\n'
        "    done([completed])\n"
        "    n2 --> done\n"
    )


def test_mermaid_draws_each_kind_and_says_what_is_special() -> None:
    """A sleep is rounded, a wait a hexagon; once, a compensation and a wait that may be skipped stand in the label."""
    workflow = (
        Workflow("w")
        .commit("pay", work, once=True, compensate=work)
        .sleep("rest", 60)
        .sleep("nap", lambda ctx: 1)
        .wait("approved", timeout=9, on_timeout="skip")
    )
    drawn = workflow.mermaid()
    assert '    n0[["pay<br/><small>once, compensated</small>"]]\n' in drawn
    assert '    n1("rest<br/><small>60 s</small>")\n' in drawn
    assert '    n2("nap")\n' in drawn
    assert '    n3{{"approved<br/><small>timeout 9 s, skipped on timeout</small>"}}\n' in drawn


def test_mermaid_draws_two_conditions_in_a_row() -> None:
    """The condition of the next node is asked whether the node before was run or skipped."""
    drawn = Workflow("w").step("a", work, when=bool).step("b", work, when=bool).mermaid()
    assert "    w0 -- no --> w1\n    n0 --> w1\n" in drawn
    assert "    w1 -- no --> done\n    n1 --> done\n" in drawn


def test_mermaid_escapes_what_the_format_would_read() -> None:
    """Quotes, markup and entities in a name are shown, not interpreted."""
    drawn = Workflow("w").step('say "<b>#1" & `x`', work).mermaid()
    assert 'n0["say #34;#60;b#62;#35;1#34; #38; #96;x#96;"]' in drawn


def test_the_repr_names_the_workflow() -> None:
    """The repr says name, version and size."""
    assert repr(Workflow("w").step("a", work)) == "<Workflow 'w' version '1', 1 nodes>"


def test_a_timeout_without_end_is_taken() -> None:
    """Infinity is a number of seconds."""
    assert Workflow("w").step("a", work, timeout=inf).nodes[0].timeout == inf
