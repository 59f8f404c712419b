"""A coroutine of the asynchronous engine is used as its result."""

from dataclasses import dataclass

from flux_core import AsyncEngine, Workflow


@dataclass
class Order:
    order_id: str


@dataclass
class Progress:
    payment_id: str | None = None


order = Workflow("order", input=Order, data=Progress)


async def main(engine: AsyncEngine) -> None:
    print(engine.execute(order, Order("o_001")).status)  # error
    print((await engine.execute(order, Order("o_001"))).status)
    print([run.id for run in engine.list()])  # error
    print((await engine.execute(order, Order("o_001"))).data.payment)  # error


def blocking(engine: AsyncEngine) -> None:
    with engine:  # error
        pass
