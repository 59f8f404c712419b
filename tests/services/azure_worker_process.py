"""What `AzureWorker` starts: Microsoft's worker library, serving what it reads, a JSON object a line.

It runs with the Python and the packages of an environment of its own, so nothing of this project's tests is imported.
The library's coroutines take the messages that the host sends over gRPC; objects with the same fields stand in for
them.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import sys
from importlib import import_module
from typing import Any

runtime: Any = import_module(
    "azure_functions_runtime"
)  # by name: the project's own environment does not have it


class Message:
    """A message of the host or of the worker: whatever fields it is made with."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


class OneOf(Message):
    """A message that has one of several fields."""

    def WhichOneof(self, _group: str) -> str | None:  # noqa: N802 (as protobuf calls it)
        """Return the name of the field that it has."""
        return next(iter(self.__dict__), None)


class Argument(Message):
    """The data of one parameter of a function."""

    def WhichOneof(self, _group: str) -> str:  # noqa: N802 (as protobuf calls it)
        """Return the name of the field that the data is in."""
        return "data"


class BindingInfo(Message):
    """A binding's kind, direction and type of data; the last two in the numbers of azure-functions."""

    undefined, out, inout = None, 1, 2


class StatusResult(Message):
    """How a request went."""

    Failure, Success = "failure", "success"


ANSWERS = (
    "WorkerInitResponse WorkerMetadata FunctionMetadataResponse RpcFunctionMetadata RpcRetryOptions RpcException"
    " InvocationResponse ParameterBinding RpcHttp"
)
PROTOS = Message(
    BindingInfo=BindingInfo,
    StatusResult=StatusResult,
    TypedData=OneOf,
    **{name: type(name, (Message,), {}) for name in ANSWERS.split()},
)


class Log(logging.Handler):
    """Keeps what is logged, as the worker would forward it: the text, its level and its logger."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record."""
        self.lines.append({"level": record.levelname, "logger": record.name, "text": record.getMessage()})

    def taken(self) -> list[dict[str, str]]:
        """Return what was kept since this was last asked."""
        lines, self.lines = self.lines, []
        return lines


def data(told: dict[str, Any] | None) -> OneOf:
    """Return the data of a binding, told as `{"json": text}`, `{"bytes": base64}`, `{"http": {...}}` and so on."""
    if told is None:
        return OneOf()
    ((kind, value),) = told.items()
    if kind == "bytes":
        return OneOf(bytes=base64.b64decode(value))
    if kind == "collection_string":
        return OneOf(collection_string=Message(string=value))
    if kind == "http":
        return OneOf(http=Message(params={}, query={}, **{**value, "body": data(value["body"])}))
    return OneOf(**{kind: value})


async def start(folder: str) -> dict[str, Any]:
    """Load the function app of a folder, and return what was found in it, or why it cannot be loaded."""
    runtime.start_threadpool_executor()
    initial = Message(worker_init_request=Message(capabilities={}, function_app_directory=folder))
    begun = await runtime.worker_init_request(
        Message(request=initial, properties={"host": "127.0.0.1", "protos": PROTOS})
    )
    if begun.result.status == StatusResult.Failure:
        return {"error": begun.result.exception.message}
    index = await runtime.functions_metadata_request(Message(request=Message()))
    functions = index.function_metadata_results or []
    IDS.update({function.name: function.function_id for function in functions})
    return {
        "functions": {
            function.name: {
                "bindings": [json.loads(binding) for binding in function.raw_bindings],
                "retries": getattr(function.retry_options, "max_retry_count", None),
            }
            for function in functions
        }
    }


async def invoke(call: dict[str, Any]) -> dict[str, Any]:
    """Call a function, and return whether it returned, what, and what it logged."""
    retries, most = call["retries"]
    request = Message(
        invocation_id=call["id"],
        function_id=IDS[call["function"]],
        input_data=[Argument(name=name, data=data(told)) for name, told in call["inputs"].items()],
        trigger_metadata={name: data(told) for name, told in call["metadata"].items()},
        trace_context=Message(trace_parent=call["traceparent"], trace_state="", attributes={}),
        retry_context=Message(retry_count=retries, max_retry_count=most, exception=None),
    )
    answer = await runtime.invocation_request(Message(request=Message(invocation_request=request)))
    failed = answer.result.status == StatusResult.Failure
    returned = None if failed or answer.return_value is None else answer.return_value.http
    return {
        "error": answer.result.exception.message if failed else None,
        "http": returned
        and {
            "status": int(returned.status_code),
            "headers": dict(returned.headers),
            "body": returned.body.bytes.decode(),
        },
        "logs": LOG.taken(),
    }


async def serve(folder: str) -> None:
    """Load the function app, then answer each line until there is no more."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what the app prints is none of the answers
    loop = asyncio.get_running_loop()
    sys.path.insert(0, folder)
    print(json.dumps(await start(folder)), file=answers)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(await invoke(json.loads(line))), file=answers)
    runtime.stop_threadpool_executor()


IDS: dict[str, str] = {}
LOG = Log()

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, handlers=[LOG])
    asyncio.run(serve(sys.argv[1]))
