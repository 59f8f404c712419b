"""Flux: a workflow engine for serverless functions.

A workflow is a list of named steps and commits. The engine runs it, saves its state after every node, and can
stop anywhere and go on from there, in another process, on another machine.
"""

from flux_core._app import App
from flux_core._async_engine import AsyncEngine
from flux_core._clock import Clock, SystemClock
from flux_core._context import Context
from flux_core._display import plain
from flux_core._engine import Engine
from flux_core._errors import (
    BlobNotFound,
    Conflict,
    CrashLoop,
    DefinitionChanged,
    Fatal,
    FluxError,
    InputMismatch,
    Interrupted,
    InvalidId,
    InvalidInput,
    InvalidWorkflow,
    LeaseLost,
    NotRetryable,
    NotSerializable,
    OutcomeUnknown,
    ResourceNotFound,
    RunBusy,
    RunEnded,
    RunExists,
    RunNotFound,
    ServiceFailed,
    SignalNotExpected,
    StepNotFound,
    StepTimeout,
    StoreError,
    StoreNotFound,
    UnknownWorkflow,
    WorkflowTimeout,
)
from flux_core._ids import check_id, run_id_from
from flux_core._options import EngineOptions, Hooks
from flux_core._page import Page
from flux_core._result import Result
from flux_core._retry import Retry
from flux_core._run import ErrorInfo, Run, StepRecord, TickReport, Try
from flux_core._status import RunStatus, StepStatus
from flux_core._suspension import Suspension, sleep, wait
from flux_core._trace import TraceEvent
from flux_core._version import __version__
from flux_core._waker import Waker
from flux_core._workflow import Node, Workflow

__all__ = [
    "App",
    "AsyncEngine",
    "BlobNotFound",
    "Clock",
    "Conflict",
    "Context",
    "CrashLoop",
    "DefinitionChanged",
    "Engine",
    "EngineOptions",
    "ErrorInfo",
    "Fatal",
    "FluxError",
    "Hooks",
    "InputMismatch",
    "Interrupted",
    "InvalidId",
    "InvalidInput",
    "InvalidWorkflow",
    "LeaseLost",
    "Node",
    "NotRetryable",
    "NotSerializable",
    "OutcomeUnknown",
    "Page",
    "ResourceNotFound",
    "Result",
    "Retry",
    "Run",
    "RunBusy",
    "RunEnded",
    "RunExists",
    "RunNotFound",
    "RunStatus",
    "ServiceFailed",
    "SignalNotExpected",
    "StepNotFound",
    "StepRecord",
    "StepStatus",
    "StepTimeout",
    "StoreError",
    "StoreNotFound",
    "Suspension",
    "SystemClock",
    "TickReport",
    "TraceEvent",
    "Try",
    "UnknownWorkflow",
    "Waker",
    "Workflow",
    "WorkflowTimeout",
    "__version__",
    "check_id",
    "plain",
    "run_id_from",
    "sleep",
    "wait",
]
