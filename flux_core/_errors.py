"""Every error that Flux raises, under one root, split by who must act.

FluxError
├── fix the call or the code
│   ├── InvalidInput        (ValueError)    input, an option or a cursor that cannot be taken; names the path
│   ├── InvalidId           (ValueError)    a run id outside the allowed alphabet
│   ├── InvalidWorkflow     (ValueError)    a definition that cannot be built
│   ├── NotSerializable     (TypeError)     a value that cannot be saved; names step and path
│   ├── UnknownWorkflow     (LookupError)   no workflow of that name in the app
│   ├── RunNotFound         (LookupError)   no run of that id in the store
│   ├── StepNotFound        (LookupError)   no node of that name in the workflow
│   ├── ResourceNotFound    (LookupError)   no function, queue or log group of that name
│   ├── InputMismatch       (ValueError)    the id is taken by a run with another input
│   ├── NotRetryable        (RuntimeError)  the run or the step is not one that can be retried
│   ├── RunEnded            (RuntimeError)  the run has ended: there is nothing to cancel or pause
│   └── SignalNotExpected   (RuntimeError)  the run has ended: no wait will take the signal
├── try again later
│   ├── RunBusy             (RuntimeError)  another worker holds the run
│   ├── LeaseLost           (RuntimeError)  another worker has taken the run over
│   └── StoreError          (OSError)       the store cannot be opened, reached or read
│       ├── StoreNotFound                   there is no store where one was to be
│       └── ServiceFailed                   a service beside it, such as a waker's queue, fails or refuses
├── tell a person
│   ├── DefinitionChanged   (RuntimeError)  the run was started under another definition
│   ├── CrashLoop           (RuntimeError)  the run crashed its worker again and again
│   └── Interrupted         (RuntimeError)  nobody knows whether a commit with once=True happened
├── a handler's own word
│   ├── Fatal               (Exception)     do not retry this
│   └── OutcomeUnknown      (RuntimeError)  nobody knows whether the side effect happened
├── too late
│   ├── StepTimeout         (TimeoutError)  an attempt, or a wait, took longer than its time-out
│   └── WorkflowTimeout     (TimeoutError)  the run took longer than its workflow's time-out
└── between the machine and its store
    ├── RunExists           (ValueError)    a run of that id is stored already
    ├── Conflict            (RuntimeError)  the stored revision is not the one to be replaced
    └── BlobNotFound        (LookupError)   no blob under that key
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from flux_core.storage import Record


class FluxError(Exception):
    """The root of every error that Flux raises.

    `code` is stable, in upper snake case, and is what machines should look at.
    """

    code: ClassVar[str] = "FLUX_ERROR"


class InvalidInput(FluxError, ValueError):
    """A value from outside cannot be taken; `path` says where in it, such as `items[0].qty`."""

    code: ClassVar[str] = "INVALID_INPUT"

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path
        self.reason = message


class InvalidId(FluxError, ValueError):
    """A run id is not 1 to 128 characters of `A-Z a-z 0-9 . _ : @ -`."""

    code: ClassVar[str] = "INVALID_ID"


class InvalidWorkflow(FluxError, ValueError):
    """A workflow, a node or one of its options cannot be built as it is written."""

    code: ClassVar[str] = "INVALID_WORKFLOW"


class NotSerializable(FluxError, TypeError):
    """A value cannot be saved; `path` says where in the data or output it stands."""

    code: ClassVar[str] = "NOT_SERIALIZABLE"

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path
        self.reason = message


class UnknownWorkflow(FluxError, LookupError):
    """The app holds no workflow of that name."""

    code: ClassVar[str] = "UNKNOWN_WORKFLOW"


class RunNotFound(FluxError, LookupError):
    """The store holds no run of that id."""

    code: ClassVar[str] = "RUN_NOT_FOUND"


class StepNotFound(FluxError, LookupError):
    """The workflow has no node of that name."""

    code: ClassVar[str] = "STEP_NOT_FOUND"


class InputMismatch(FluxError, ValueError):
    """A run of that id was started before, with a different input."""

    code: ClassVar[str] = "INPUT_MISMATCH"


class NotRetryable(FluxError, RuntimeError):
    """The run, or the step in it, is not in a state from which it can be retried."""

    code: ClassVar[str] = "NOT_RETRYABLE"


class RunEnded(FluxError, RuntimeError):
    """The run has ended, so that it can be neither cancelled nor paused."""

    code: ClassVar[str] = "RUN_ENDED"


class SignalNotExpected(FluxError, RuntimeError):
    """The run has ended, so that no wait will ever take the signal; nothing was saved."""

    code: ClassVar[str] = "SIGNAL_NOT_EXPECTED"


class RunBusy(FluxError, RuntimeError):
    """Another worker holds the run; `until` is the Unix time at which its lease ends."""

    code: ClassVar[str] = "RUN_BUSY"

    def __init__(self, message: str, *, until: float) -> None:
        super().__init__(message)
        self.until = until


class LeaseLost(FluxError, RuntimeError):
    """This worker's lease ended and another worker took the run over; nothing was saved."""

    code: ClassVar[str] = "LEASE_LOST"


class StoreError(FluxError, OSError):
    """The store cannot be opened, reached, read or written."""

    code: ClassVar[str] = "STORE_ERROR"


class StoreNotFound(StoreError):
    """There is no store where one was to be: no table, no file."""

    code: ClassVar[str] = "STORE_NOT_FOUND"


class ServiceFailed(StoreError):
    """A service of the cloud could not be reached, or refused the call."""

    code: ClassVar[str] = "SERVICE_FAILED"


class ResourceNotFound(FluxError, LookupError):
    """What was named is not there: a function, a queue, a log group."""

    code: ClassVar[str] = "RESOURCE_NOT_FOUND"


class DefinitionChanged(FluxError, RuntimeError):
    """The run was started under a definition that the present one does not continue."""

    code: ClassVar[str] = "DEFINITION_CHANGED"


class CrashLoop(FluxError, RuntimeError):
    """The run was interrupted too often in a row without completing a node."""

    code: ClassVar[str] = "CRASH_LOOP"


class Interrupted(FluxError, RuntimeError):
    """A commit with `once=True` was begun, and nobody knows whether its side effect happened: a person decides."""

    code: ClassVar[str] = "INTERRUPTED"


class Fatal(FluxError):
    """Raise this, or a subclass, in a handler to fail at once: it is never retried."""

    code: ClassVar[str] = "FATAL"


class OutcomeUnknown(FluxError, RuntimeError):
    """Raise this in a commit when nobody can tell whether its side effect happened.

    A commit with `once=True` is then not run again: the run fails as `Interrupted`. Any other commit is retried,
    with the same `ctx.key`.
    """

    code: ClassVar[str] = "OUTCOME_UNKNOWN"


class StepTimeout(FluxError, TimeoutError):
    """An attempt of a step, or a wait for a signal, took longer than its time-out."""

    code: ClassVar[str] = "STEP_TIMEOUT"


class WorkflowTimeout(FluxError, TimeoutError):
    """The run took longer than its workflow's time-out, over all invocations and waits."""

    code: ClassVar[str] = "WORKFLOW_TIMEOUT"


class RunExists(FluxError, ValueError):
    """A run of that id is stored already; `record` is what the store holds."""

    code: ClassVar[str] = "RUN_EXISTS"

    def __init__(self, message: str, *, record: Record) -> None:
        super().__init__(message)
        self.record = record


class Conflict(FluxError, RuntimeError):
    """The stored revision is not the one that the save was to replace; nothing was changed."""

    code: ClassVar[str] = "CONFLICT"


class BlobNotFound(FluxError, LookupError):
    """The store holds no blob under that run and key."""

    code: ClassVar[str] = "BLOB_NOT_FOUND"
