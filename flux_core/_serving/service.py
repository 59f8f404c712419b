"""What a handler serves, and the rule by which an event becomes the id of a run."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self, TypeAlias

from flux_core import App, InvalidInput, InvalidWorkflow, LeaseLost, Workflow, run_id_from
from flux_core._serving.choice import chosen, routed
from flux_core._serving.measure import count_lost_lease

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_core import Result
    from flux_core._serving.choice import Route

    Key: TypeAlias = Callable[[Any], str]

log: Final = logging.getLogger("flux")

MAX_BODY: Final = 1_000_000
"""Bytes; what AWS's load balancer lets through. Lambda itself takes 6 MB, API Gateway 10, Cloud Run functions 32."""


UNREACHABLE: Final = frozenset({".", "..", "counts"})
"""Ids of which URLs do not speak: clients leave out the dots, and `/runs/counts` is something else."""


class KeyNeeded(InvalidWorkflow):
    """The workflow has commits, and nothing says which messages mean the same run."""


class Service(NamedTuple):
    """The workflows of an app, how one is chosen for an event, and how its runs are named."""

    app: App
    target: Workflow[Any, Any] | Route
    """The workflow that every event is for, or what chooses one by the event."""
    key: Key | None
    """What names a run by its input; None leaves it to the event's own identity."""
    trusts_message_ids: bool = False
    """Whether an identity may change at a delivery although the workflow has commits."""
    max_body: int = MAX_BODY
    """The most bytes of an HTTP body."""

    @classmethod
    def of(
        cls,
        app: App | Workflow[Any, Any],
        *,
        workflow: str | Workflow[Any, Any] | None = None,
        route: Route | None = None,
        key: Key | None = None,
        trusts_message_ids: bool = False,
        max_body: int = MAX_BODY,
    ) -> Self:
        """Return the service that a front's arguments make; an app that is a workflow alone is an app of that one.

        Raises:
            InvalidInput: `max_body` is below 1.
            InvalidWorkflow: nothing says which workflow is meant, two things do, or it is not the app's.
            UnknownWorkflow: the app has no workflow of that name.
        """
        if max_body < 1:
            raise InvalidInput(f"expected a number of bytes, at least 1; got {max_body}", path="max_body")
        app = App([app]) if isinstance(app, Workflow) else app
        return cls(app, chosen(app, workflow, route), key, trusts_message_ids, max_body)

    def choose(self, event: Any) -> Workflow[Any, Any]:
        """Return the workflow that an event is for.

        Raises:
            InvalidInput: the route raised an error.
            UnknownWorkflow: what it returned is not the name of a workflow of the app.
        """
        if isinstance(self.target, Workflow):
            return self.target
        return routed(self.app, self.target, event)

    def execute(
        self,
        event: Any,
        payload: Any,
        *,
        identity: str | None,
        deadline: float | None,
        stable: bool = True,
        retry_failed: bool = False,
    ) -> Result[Any]:
        """Run the workflow that an event is for.

        Args:
            event: what the platform delivered, by which the workflow is chosen.
            payload: the workflow's input.
            identity: the event's own id, if it has one.
            deadline: as in `Engine.execute`, and so is `retry_failed`.
            stable: whether `identity` stays the same however often the event is delivered.
            retry_failed: retry the step in which the run of an event delivered before has failed.

        Raises:
            InvalidInput: the key cannot be had from the payload; beside all that `choose` and `Engine.execute` raise.
            InvalidWorkflow: the payload is right, and the key that `key=` makes of it is not a non-empty str.
            KeyNeeded: the identity is not stable, and the workflow has commits.
        """
        workflow = self.choose(event)
        if not (stable or self.trusts_message_ids):
            self._check_key(workflow)
        try:
            return self.app.execute(
                workflow.name,
                payload,
                id=self.run_id(workflow, payload, identity),
                deadline=deadline,
                retry_failed=retry_failed,
            )
        except LeaseLost:
            count_lost_lease(self.app, workflow.name)
            raise

    def _check_key(self, workflow: Workflow[Any, Any]) -> None:
        if self.key is None and any(node.kind == "commit" for node in workflow.nodes):
            raise KeyNeeded(
                f"workflow {workflow.name!r} has commits, and a message that is moved back from a dead-letter queue"
                " has a new id, so that its commits would run again: name the run by the input, as in"
                ' key=lambda order: order["order_id"], or accept that by key=message_id, from the package that serves'
                " it"
            )

    def run_id(self, workflow: Workflow[Any, Any], payload: Any, identity: str | None) -> str | None:
        """Return the run's id, or None for a new one; every run that is made so can be found by its URL."""
        if self.key is not None:
            return _id_of(_keyed(self.key, workflow, payload))
        return None if identity is None else _id_of(identity)


def _id_of(identity: str) -> str:
    if identity not in UNREACHABLE:
        return run_id_from(identity)
    from hashlib import sha256  # as in `run_id_from`

    return sha256(identity.encode()).hexdigest()


def _keyed(key: Key, workflow: Workflow[Any, Any], payload: Any) -> str:
    try:
        identity: object = key(payload)
    except Exception as error:
        workflow.plan.input.validate(payload)  # says better what is wrong, if it is the payload
        log.warning("key= raised %s: %s", type(error).__name__, error, exc_info=error)
        raise InvalidInput("the input lacks what its run is named by") from error
    if isinstance(identity, str) and identity:
        return identity
    workflow.plan.input.validate(payload)
    returned = "an empty str" if identity == "" else type(identity).__name__
    raise InvalidWorkflow(f"key= returned {returned}; return a non-empty str")
