"""The workflow that a handler serves, and the rule by which an event becomes the id of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from flux_core import App, InvalidInput, InvalidWorkflow, Workflow, run_id_from

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_core import Result

    Key: TypeAlias = Callable[[Any], str]


def message_id(message: Any) -> str:
    """Return the messageId of an SQS message.

    Given as `key=flux_aws.message_id` it says that this id is good enough for a workflow with commits, although
    a message that is moved back from a dead-letter queue has a new one, and is a new run. Events of other
    sources are then identified as if there were no `key`.
    """
    identity: str = message["messageId"]
    return identity


class Service(NamedTuple):
    """One workflow of an app, and how its runs are named."""

    app: App
    workflow: Workflow[Any, Any]
    key: Key | None

    def execute(
        self, payload: Any, *, identity: str | None, deadline: float | None, retry_failed: bool = False
    ) -> Result[Any]:
        """Run the workflow on an event's payload.

        Args:
            payload: the workflow's input.
            identity: the event's own id, if it has one that stays the same when the event is delivered again.
            deadline: as in `Engine.execute`, and so is `retry_failed`.
            retry_failed: retry the step in which the run of an event delivered before has failed.

        Raises:
            InvalidInput: the key cannot be had from the payload; beside all that `Engine.execute` raises.
            InvalidWorkflow: the payload is right, and the key that `key=` makes of it is not a non-empty str.
        """
        return self.app.execute(
            self.workflow.name,
            payload,
            id=self._run_id(payload, identity),
            deadline=deadline,
            retry_failed=retry_failed,
        )

    def _run_id(self, payload: Any, identity: str | None) -> str | None:
        """Return the run's id, or None for a new one."""
        if self.key is not None and self.key is not message_id:
            return run_id_from(self._keyed(self.key, payload))
        return None if identity is None else run_id_from(identity)

    def _keyed(self, key: Key, payload: Any) -> str:
        try:
            identity: object = key(payload)
        except Exception as error:
            self.workflow.plan.input.validate(payload)  # says better what is wrong, if it is the payload
            raise InvalidInput(f"key= of the handler raised {type(error).__name__}", path="key") from error
        if isinstance(identity, str) and identity:
            return identity
        self.workflow.plan.input.validate(payload)
        returned = "an empty str" if identity == "" else type(identity).__name__
        raise InvalidWorkflow(f"key= of the handler returned {returned}; return a non-empty str")
