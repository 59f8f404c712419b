"""What a handler serves, and the rule by which an event becomes the id of a run."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from flux_aws._choice import routed
from flux_aws._measure import count_lost_lease
from flux_core import App, InvalidInput, InvalidWorkflow, LeaseLost, Workflow, run_id_from

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_aws._choice import Route
    from flux_core import Result

    Key: TypeAlias = Callable[[Any], str]

log: Final = logging.getLogger("flux")


class KeyNeeded(InvalidWorkflow):
    """The workflow has commits, and nothing says which messages mean the same run."""


def message_id(message: Any) -> str:
    """Return the messageId of an SQS message.

    Given as `key=flux_aws.message_id` it says that this id is good enough for a workflow with commits, although
    a message that is moved back from a dead-letter queue has a new one, and is a new run. Events of other
    sources are then identified as if there were no `key`.
    """
    identity: str = message["messageId"]
    return identity


class Service(NamedTuple):
    """The workflows of an app, how one is chosen for an event, and how its runs are named."""

    app: App
    target: Workflow[Any, Any] | Route
    """The workflow that every event is for, or what chooses one by the event."""
    key: Key | None
    max_body: int
    """The most bytes of an HTTP body."""

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
            event: what Lambda delivered, by which the workflow is chosen.
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
        if not stable:
            self._check_key(workflow)
        try:
            return self.app.execute(
                workflow.name,
                payload,
                id=self._run_id(workflow, payload, identity),
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
                " has a new messageId, so that its commits would run again: name the run by the input, as in"
                ' flux_aws.handler(app, key=lambda order: order["order_id"]), or accept that by'
                " key=flux_aws.message_id"
            )

    def _run_id(self, workflow: Workflow[Any, Any], payload: Any, identity: str | None) -> str | None:
        """Return the run's id, or None for a new one."""
        if self.key is not None and self.key is not message_id:
            return run_id_from(_keyed(self.key, workflow, payload))
        return None if identity is None else run_id_from(identity)


def _keyed(key: Key, workflow: Workflow[Any, Any], payload: Any) -> str:
    try:
        identity: object = key(payload)
    except Exception as error:
        workflow.plan.input.validate(payload)  # says better what is wrong, if it is the payload
        log.warning("key= of the handler raised %s: %s", type(error).__name__, error, exc_info=error)
        raise InvalidInput("the input lacks what its run is named by") from error
    if isinstance(identity, str) and identity:
        return identity
    workflow.plan.input.validate(payload)
    returned = "an empty str" if identity == "" else type(identity).__name__
    raise InvalidWorkflow(f"key= of the handler returned {returned}; return a non-empty str")
