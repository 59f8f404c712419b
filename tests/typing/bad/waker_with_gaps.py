"""A waker lacks the method of the port or has another signature; a checkpoint is none."""

from flux_core import App, Engine, Waker

class Silent: ...


class WakesByName:
    def wake(self, run_id: str, workflow: str) -> None: ...


class WakesLate:
    async def wake(self, run_id: str, at: float) -> None: ...


waker: Waker = Silent()  # error
late: Waker = WakesLate()  # error
Engine(waker=Silent())  # error
Engine(waker=WakesByName())  # error
Engine(waker=print)  # error
App([], waker="sqs://queue")  # error
Engine(checkpoint="node")  # error
Engine(checkpoint=True)  # error
App([], checkpoint=None)  # error
