"""A network between a store and Firestore that is as bad as it is told to be."""

from __future__ import annotations

from threading import local
from typing import TYPE_CHECKING, Any, Final, NoReturn

import grpc
from contract.storm import Storm

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_gcp import FirestoreStorage


class Failure(grpc.RpcError, grpc.Call):
    """How gRPC says that a call has failed."""

    def __init__(self, code: grpc.StatusCode, details: str = "injected") -> None:
        super().__init__(details)
        self._code = code
        self._details = details

    def code(self) -> grpc.StatusCode:
        """Return the status."""
        return self._code

    def details(self) -> str:
        """Return what the service says."""
        return self._details

    def trailing_metadata(self) -> tuple[()]:
        """Return nothing more."""
        return ()

    initial_metadata = trailing_metadata

    def result(self) -> NoReturn:
        """Fail."""
        raise self

    def _unused(self, *_: object) -> NoReturn:
        """Be what the type of a call asks for; nobody does."""
        raise AssertionError

    is_active = time_remaining = cancel = _unused
    add_callback: Any = _unused


class Network(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    """Sees each call of a store; `before` and `after` it they may raise in its stead."""

    def __init__(
        self,
        storage: FirestoreStorage,
        *,
        before: Callable[[str, Any], object] = lambda method, request: None,
        after: Callable[[str], object] = lambda method: None,
    ) -> None:
        self._before = before
        self._after = after
        self.sent: list[str] = []
        make = storage._service._make

        def make_behind() -> Any:
            client = make()
            open_channel = client._emulator_channel

            def channel_behind(transport: Any) -> Any:
                return grpc.intercept_channel(open_channel(transport), self)  # type: ignore[no-untyped-call]

            client._emulator_channel = channel_behind  # type: ignore[method-assign]
            return client

        storage._service._make = make_behind
        storage.close()  # the next call makes a client behind this

    def intercept_unary_unary(self, proceed: Any, details: Any, request: Any) -> Any:
        """Pass a call on that has one answer."""
        method = self._called(details, request)
        call = proceed(details, request)
        call.result()
        self._after(method)
        return call

    def intercept_unary_stream(self, proceed: Any, details: Any, request: Any) -> Any:
        """Pass a call on that has many."""
        method = self._called(details, request)
        call = proceed(details, request)
        self._after(method)
        return call

    def _called(self, details: Any, request: Any) -> str:
        method: str = details.method.rpartition("/")[2]
        self.sent.append(method)
        self._before(method, request)
        return method


class FirestoreStorm(Storm):
    """Throttles calls, fails others, lets some not arrive, and loses the answers of others."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, [*FAILURES, "lost"])
        self._thread = local()

    def over(self, storage: FirestoreStorage) -> FirestoreStorage:
        """Have the storm strike between the store and Firestore."""
        Network(storage, before=self._strike, after=self._lose)
        return storage

    def _strike(self, method: str, request: Any) -> None:
        self._thread.kind = kind = self.strikes()
        if kind is not None and kind in FAILURES:
            raise Failure(FAILURES[kind])

    def _lose(self, method: str) -> None:
        if self._thread.kind == "lost":
            raise Failure(grpc.StatusCode.DEADLINE_EXCEEDED)


FAILURES: Final[dict[str, grpc.StatusCode]] = {
    "throttled": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "contended": grpc.StatusCode.ABORTED,
    "failed": grpc.StatusCode.INTERNAL,
    "unreachable": grpc.StatusCode.UNAVAILABLE,
}
