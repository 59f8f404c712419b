"""Serving an ASGI application by uvicorn, until Ctrl-C."""

from __future__ import annotations

import errno
import signal
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar, Final

from flux_core import FluxError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from starlette.types import ASGIApp

LAST_WAIT: Final = 30
"""Seconds that requests in hand are given when the server is to end."""
STOPPING_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class PortInUse(FluxError, OSError):
    """Something else listens at the address, or this process may not."""

    code: ClassVar[str] = "PORT_IN_USE"


def serve(
    app: ASGIApp,
    host: str = "127.0.0.1",
    port: int = 4280,
    *,
    listening: Callable[[str], None] | None = None,
    stopping: Callable[[], None] | None = None,
) -> None:
    """Serve the application until Ctrl-C or SIGTERM; to be called in the main thread, which is told of these.

    Requests in hand are then answered, if that takes no longer than half a minute; streams are ended.

    Args:
        app: what `asgi` returns, or an application that it is mounted in.
        host: the address to listen at; "0.0.0.0" for all of this computer's.
        port: 0 takes one that is free.
        listening: is told the URL once the address is taken.
        stopping: is called by the signal handler when the server has been told to end, the first time.

    Raises:
        ModuleNotFoundError: uvicorn is not installed.
        PortInUse: the address cannot be listened at.
        KeyboardInterrupt: Ctrl-C came again before the requests in hand were answered.
    """
    try:
        import uvicorn  # what is mounted elsewhere needs no server
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "serve needs uvicorn: pip install 'flux-serverless[web]'", name=error.name
        ) from error

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            if not self.should_exit and stopping is not None:
                stopping()
            super().handle_exit(sig, frame)

    with _socket(host, port) as listener:
        if listening is not None:
            listening(_url(listener))
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            ws="none",
            lifespan="on",
            timeout_graceful_shutdown=LAST_WAIT,
        )
        server = Server(config)
        with _signals_kept():
            server.run(sockets=[listener])
        if server.force_exit:
            raise KeyboardInterrupt


def is_stopping() -> bool:
    """Whether the uvicorn that serves this process has been told to end: it would wait for streams for ever."""
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return getattr(server, "should_exit", False) is True


def _socket(host: str, port: int) -> socket.socket:
    host = host.strip("[]")  # as URLs write an address of IPv6
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(
                f"something listens at {host}:{port} already; end it, or take another port"
            ) from error
        raise PortInUse(f"cannot listen at {host}:{port}: {error.strerror or error}") from error


def _url(listener: socket.socket) -> str:
    host, port, *_ = listener.getsockname()
    return f"http://[{host}]:{port}/" if listener.family == socket.AF_INET6 else f"http://{host}:{port}/"


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Have the signals that uvicorn passes on, when it has ended on them, end nothing more."""
    before = {number: signal.signal(number, _noted) for number in STOPPING_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _noted(_signal: int, _frame: object) -> None:
    """Do nothing."""
