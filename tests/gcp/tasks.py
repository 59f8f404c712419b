"""A Cloud Tasks of one method, `CreateTask`, that remembers what it is sent and refuses what it is told to."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc
from google.cloud.tasks_v2 import CreateTaskRequest, Task

if TYPE_CHECKING:
    from collections.abc import Iterator


class Tasks:
    """The service, on a port of this machine.

    Attributes:
        created: the tasks that it took.
        refusals: the errors, a status and a text, with which it meets the next calls.
        endpoint: where it listens.
    """

    def __init__(self, endpoint: str) -> None:
        self.created: list[Task] = []
        self.refusals: list[tuple[grpc.StatusCode, str]] = []
        self.endpoint = endpoint
        self.calls = 0

    def create(self, request: CreateTaskRequest, context: Any) -> Task:
        """Take a task, or refuse it; a name that was taken stays so."""
        self.calls += 1
        if self.refusals:
            context.abort(*self.refusals.pop(0))
        if any(task.name == request.task.name for task in self.created):
            context.abort(grpc.StatusCode.ALREADY_EXISTS, "Requested entity already exists")
        self.created.append(request.task)
        return request.task


@contextmanager
def serving_tasks() -> Iterator[Tasks]:
    """Start the service, and end it behind the block."""
    server = grpc.server(ThreadPoolExecutor(2))
    tasks = Tasks(f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}")
    method = grpc.unary_unary_rpc_method_handler(
        tasks.create,
        request_deserializer=CreateTaskRequest.deserialize,
        response_serializer=Task.serialize,
    )
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler("google.cloud.tasks.v2.CloudTasks", {"CreateTask": method})]
    )
    server.start()
    try:
        yield tasks
    finally:
        server.stop(1).wait()
