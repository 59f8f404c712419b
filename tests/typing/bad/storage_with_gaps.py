"""A store lacks a method of the port, or has one with another signature."""

from flux_core import Engine
from flux_core.storage import MemoryStorage, Query, Record, RecordPage, SQLiteStorage, Storage


class NoBlobs:
    def create(self, record: Record) -> None: ...
    def load(self, run_id: str) -> None: ...
    def save(self, record: Record, *, replaces: int) -> None: ...
    def find(self, query: Query) -> RecordPage:
        return RecordPage((), None)

    def delete(self, run_id: str) -> None: ...
    def close(self) -> None: ...


class NoCompareAndSwap(MemoryStorage):
    def save(self, record: Record) -> None: ...  # error


class AsyncLoad(MemoryStorage):
    async def load(self, run_id: str) -> None: ...  # error


Engine(NoBlobs())  # error
Engine(MemoryStorage)  # error
store: Storage = NoBlobs()  # error
SQLiteStorage("orders.db", synchronous="OFF")  # error
SQLiteStorage()  # error
MemoryStorage().create({"id": "order-1"})  # error
MemoryStorage().find(Query(workflows="order"))  # error
