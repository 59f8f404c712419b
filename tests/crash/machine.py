"""Workers and people at random: what they ask of some runs, how far each call gets, what becomes of it."""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from crash.fleet import AFTER, BEFORE, LEASE, Flight, MovableClock, Request, StepEngine
from crash.model import NEWS, World, run_models
from crash.oracle import Noise, Oracle
from crash.seen import standing
from crash.watch import MAX_INTERRUPTIONS
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from flux_core import RunStatus
from flux_core._effects import Create, Invoke, Save

if TYPE_CHECKING:
    from crash.model import RunModel

RUNS: Final = 4
"""So many runs an example has."""
TOGETHER: Final = 3
"""So many of them are in progress at a time, if not more."""
MOST: Final = 4
"""So many calls are in progress at a time, at most."""
ROUNDS: Final = 100
"""So often somebody looks at what is due before it counts as never coming to rest."""
WHOLE: Final = 1000
"""So many effects take any call to its end."""
TO_WRITE, TO_CALL, PAST_CALL = -1, -2, -3
"""As many effects as bring a call before its next write, before its next call of a function, or past one."""
STEPS: Final = (WHOLE, WHOLE, 0, 1, 2, 3, 5, 8, TO_WRITE, TO_WRITE, TO_WRITE, TO_CALL, TO_CALL, PAST_CALL)
STOPS: Final[dict[int, tuple[type, ...]]] = {TO_WRITE: (Create, Save), TO_CALL: (Invoke,)}
LISTENED: Final = ("step_start", "step_complete", "step_error", "workflow_complete", "workflow_error")


class Move(NamedTuple):
    """Which run, which worker, how many effects: one draw, since a draw costs more than what it decides."""

    run: int
    worker: int
    steps: int


class Push(NamedTuple):
    """Which of the calls in progress, and how many effects."""

    call: int
    steps: int


moves = st.sampled_from([Move(*each) for each in product(range(RUNS), range(4), STEPS)])
pushes = st.sampled_from([Push(*each) for each in product(range(MOST), STEPS)])
calls = st.integers(0, MOST - 1)
deadlines = st.sampled_from((None, None, None, 3.0, 15.0))


class Fleet(RuleBasedStateMachine):
    """Four workers and any number of people, on one store."""

    counted: ClassVar = 0
    """Runs that have come to rest."""
    oracle: Oracle | None = None

    @initialize(models=run_models(RUNS))
    def define(self, models: tuple[RunModel, ...]) -> None:
        """Define the workflows of the runs that may be started, and have workers."""
        self.clock = MovableClock()
        self.oracle = oracle = Fleet.watching = Oracle(models)
        world = World(oracle.called, lambda: oracle.flight)
        self.flows = {model.id: world.workflow(model) for model in models}
        self.ids = list(self.flows)
        self.flights: list[Flight] = []
        self.sent = 0
        self.noises = 0
        noisy = dict.fromkeys(LISTENED, self.emit)
        options: tuple[dict[str, Any], ...] = (
            {},
            {"on": noisy, "trace": [self]},
            {"checkpoint": "commit"},
            {"checkpoint": "commit", "trace": [self], "waker": self},
        )
        self.engines = [
            StepEngine(oracle.storage, self.clock, max_interruptions=MAX_INTERRUPTIONS, **each)
            for each in options
        ]

    watching: ClassVar[Oracle]
    """The oracle of the example in progress."""

    # Listeners.

    def emit(self, *_: object) -> None:
        """Raise an error every third time."""
        self.noises += 1
        if self.noises % 3 == 0:
            raise Noise

    wake = emit

    # What is asked.

    @rule(
        move=moves,
        how=st.sampled_from(("start", "this", "this", "this", "again", "again", "other")),
        deadline=deadlines,
    )
    def execute(self, move: Move, how: str, deadline: float | None) -> None:
        """Start a run, or deliver its start again; sometimes with another input."""
        run = self.pick(move)
        flow, given = self.flows[run], {"order": "other" if how == "other" else "this"}
        if how == "start":
            self.call(
                move, Request("start", run, lambda engine: engine.start(flow, given, id=run), input=given)
            )
        else:
            self.execute_run(run, move, given, again=how == "again", deadline=deadline)

    def execute_run(
        self, run: str, move: Move, given: Any, *, again: bool = False, deadline: float | None = None
    ) -> None:
        """Execute that run."""
        flow, ends = self.flows[run], self.ends(deadline)

        def ask(engine: StepEngine) -> Any:
            return engine.execute(flow, given, id=run, deadline=ends, retry_failed=again)

        self.call(move, Request("execute", run, ask, input=given, retry_failed=again))

    @rule(
        move=moves,
        which=st.integers(0, 4),
        sign=st.sampled_from(("", "", "a", "b")),
        go_on=st.booleans(),
    )
    def signal(self, move: Move, which: int, sign: str, go_on: bool) -> None:  # noqa: FBT001 (a rule)
        """Send a run a signal; some have the id of another."""
        run = self.pick(move)
        names = [node.name for node in self.flows[run].nodes if node.kind == "wait"] + [NEWS]
        self.send(run, move, names[which % len(names)], sign, go_on=go_on)

    def send(self, run: str, move: Move, name: str, sign: str = "", *, go_on: bool = True) -> None:
        """Send a run that signal."""
        self.sent += 1
        flow, payload = self.flows[run], ["signal", name, self.sent]
        letter = sign or f"letter-{self.sent}"

        def ask(engine: StepEngine) -> Any:
            return engine.signal(flow, run, name, payload, id=letter, run=go_on)

        self.call(move, Request("signal", run, ask, id=letter, payload=payload))

    @rule(move=moves, compensate=st.booleans())
    def cancel(self, move: Move, compensate: bool) -> None:  # noqa: FBT001 (a rule)
        """Cancel a run."""
        run = self.pick(move)
        flow = self.flows[run]

        def ask(engine: StepEngine) -> Any:
            return engine.cancel(flow, run, compensate=compensate)

        self.call(move, Request("cancel", run, ask, compensate=compensate))

    @rule(move=moves)
    def pause(self, move: Move) -> None:
        """Pause a run."""
        run = self.pick(move)
        self.call(move, Request("pause", run, lambda engine: engine.pause(run)))

    @rule(move=moves, deadline=deadlines)
    def resume(self, move: Move, deadline: float | None) -> None:
        """Go on with a run."""
        run = self.pick(move, RunStatus.PAUSED, RunStatus.COMPENSATION_FAILED, RunStatus.SUSPENDED)
        self.resume_run(run, move, deadline)

    def resume_run(self, run: str, move: Move, deadline: float | None = None) -> None:
        """Go on with that run."""
        flow, ends = self.flows[run], self.ends(deadline)
        self.call(move, Request("resume", run, lambda engine: engine.resume(flow, run, deadline=ends)))

    @rule(move=moves)
    def bring_back(self, move: Move) -> None:
        """Let the message of a waker come, at the right time or not."""
        run = self.pick(move, RunStatus.SUSPENDED, RunStatus.PAUSED)
        self.call(move, Request("wake", run, lambda engine: engine.wake(self.flows[run], run)))

    @rule(move=moves, go_on=st.booleans())
    def resolve(self, move: Move, go_on: bool) -> None:  # noqa: FBT001 (a rule)
        """Say that the commit at which a run has failed did happen."""
        run = self.pick(move, RunStatus.FAILED)
        flow, views = self.flows[run], self.seen.watches[run].views
        at = standing(views[-1]) if views else None
        step = at.name if at else flow.nodes[0].name
        self.sent += 1
        output = ["resolved", self.sent]

        def ask(engine: StepEngine) -> Any:
            return engine.resolve(flow, run, step, output=output, run=go_on)

        self.call(move, Request("resolve", run, ask, step=step, output=output))

    @rule(move=moves, which=st.integers(0, 3), redo=st.booleans())
    def retry_step(self, move: Move, which: int, redo: bool) -> None:  # noqa: FBT001 (a rule)
        """Go back to before a step of a run."""
        run = self.pick(move, RunStatus.FAILED, RunStatus.COMPLETED)
        flow, views = self.flows[run], self.seen.watches[run].views
        begun = flow.nodes[: len(views[-1].history)] if views else ()
        nodes = begun or flow.nodes
        step = nodes[-1 - which % len(nodes)].name

        def ask(engine: StepEngine) -> Any:
            return engine.retry_step(flow, run, step, redo_commits=redo)

        self.call(move, Request("retry_step", run, ask, step=step, redo=redo))

    @rule(move=moves, lapse=st.booleans(), then=pushes, deadline=deadlines)
    def tick(self, move: Move, lapse: bool, then: Push, deadline: float | None) -> None:  # noqa: FBT001 (a rule)
        """Go on with what is due, perhaps when all leases are over; then one goes on who has stood still meanwhile."""
        stood = self.flights[then.call % len(self.flights)] if self.flights else None
        if lapse:
            self.clock.sleep(LEASE + 1)
        self.tick_all(move, deadline)
        if stood in self.flights:
            self.go(stood, then.steps)

    def tick_all(self, move: Move, deadline: float | None = None) -> None:
        """Go on with what is due."""
        flows, ends = list(self.flows.values()), self.ends(deadline)
        self.call(move, Request("tick", None, lambda engine: engine.tick(flows, deadline=ends)))

    # What happens meanwhile.

    @rule(push=pushes)
    def go_on(self, push: Push) -> None:
        """Take one of the calls in progress further."""
        if self.flights:
            self.go(self.flights[push.call % len(self.flights)], push.steps)

    @rule(call=calls)
    def kill(self, call: int) -> None:
        """Let a worker die where it stands."""
        if self.flights:
            self.flights.pop(call % len(self.flights)).call.stop()

    @rule(call=calls, losses=st.sampled_from([(BEFORE,), (AFTER,), (AFTER, AFTER), (AFTER, AFTER, BEFORE)]))
    def lose(self, call: int, losses: tuple[str, ...]) -> None:
        """Let the next writes of a call get lost, or the answers to them."""
        if self.flights:
            self.flights[call % len(self.flights)].lose(*losses)

    @rule(call=calls)
    def beat(self, call: int) -> None:
        """Let the heart of a worker beat."""
        if not self.flights:
            return
        flight = self.flights[call % len(self.flights)]
        for run, token in flight.hearts.items():
            if self.seen.watches[run].owner is flight:
                self.sent += 1
                ask = partial(StepEngine.beat, run_id=run, token=token, writer=f"heart-{self.sent}")
                self.call(WHOLLY, Request("beat", run, ask, heart_of=flight))

    @rule(seconds=st.sampled_from((1.0, 10.0, 35.0, LEASE + 1, 250.0)))
    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.sleep(seconds)

    @rule(seconds=st.sampled_from((-100.0, -20.0, -1.0, 5.0, 70.0)))
    def set_clock(self, seconds: float) -> None:
        """Set the wall clock, and no other."""
        self.clock.set_wall(seconds)

    @invariant()
    def nothing_is_wrong(self) -> None:
        """Fail with what the oracle has seen."""
        if self.oracle is not None and self.oracle.wrongs:
            raise AssertionError("\n".join(self.oracle.wrongs))

    # How calls go.

    @property
    def seen(self) -> Oracle:
        """The oracle, once there is one."""
        assert self.oracle is not None
        return self.oracle

    def pick(self, move: Move, *statuses: RunStatus) -> str:
        """Return a run, if possible one that stands so, or one that has not ended; few are in progress at a time."""
        stands = {run: watch.last.status for run, watch in self.seen.watches.items() if watch.views}
        live = [run for run, status in stands.items() if not status.ended]
        if len(live) < TOGETHER and len(stands) < RUNS:
            fresh = next(run for run in self.ids if run not in stands)
            self.execute_run(fresh, move._replace(steps=STEPS[move.run - 3]), {"order": "this"})
            live.append(fresh)
        fit = [run for run, status in stands.items() if status in statuses] or live or self.ids
        return fit[move.run % len(fit)]

    def ends(self, deadline: float | None) -> float | None:
        """Return the moment that is so many seconds from now."""
        return None if deadline is None else self.clock.monotonic() + deadline

    def call(self, move: Move, request: Request) -> None:
        """Begin a call, and take it so many effects further."""
        if len(self.flights) >= MOST and request.heart_of is None:
            self.go(self.flights[0], WHOLE)
        flight = Flight(request, self.engines[move.worker])
        self.seen.began(flight)
        self.seen.flight = flight
        flight.begin()
        self.flights.append(flight)
        self.go(flight, move.steps)

    def go(self, flight: Flight, steps: int) -> None:
        """Take a call so many effects further."""
        self.seen.flight = flight
        for step in range(WHOLE if steps < 0 else steps):
            effect = flight.call.next
            if effect is None or self.seen.wrongs or (step and isinstance(effect, STOPS.get(steps, ()))):
                break
            flight.step()
            if steps == PAST_CALL and isinstance(effect, Invoke):
                break
        if flight.call.next is None:
            self.flights.remove(flight)
            self.seen.ended(flight, flight.call.result, flight.call.error)

    # The end.

    def teardown(self) -> None:
        """Let everything come to rest: no run hangs."""
        if self.oracle is None or self.oracle.wrongs:
            return
        for number, run in enumerate(self.ids):
            if not self.oracle.watches[run].views:
                self.execute_run(run, Move(0, number, WHOLE), {"order": "this"})
        stood, self.flights = self.flights, []
        self.rest()
        self.flights = stood
        for flight in list(stood):
            self.go(flight, WHOLE)
        for _ in range(ROUNDS):
            self.rest()
            if self.oracle.wrongs or not self.nudge():
                break
        self.nothing_is_wrong()
        for watch in self.oracle.watches.values():
            watch.check_end()
        Fleet.counted += RUNS
        self.nothing_is_wrong()

    def rest(self) -> None:
        """Tick until nothing is due, now or ever."""
        for _ in range(ROUNDS):
            self.clock.sleep(LEASE + 1)
            self.tick_all(WHOLLY)
            if self.seen.wrongs:
                return
            views = [watch.last for watch in self.seen.watches.values()]
            moments = [view.wake_at for view in views if view.wake_at is not None]
            if not moments:
                return
            self.clock.sleep(max(0.0, min(moments) - self.clock.time()))
        self.seen.wrongs.append("what is due comes to rest")

    def nudge(self) -> bool:
        """Do for each run what it waits for; return whether there was one."""
        views = [watch.last for watch in self.seen.watches.values() if not watch.last.status.ended]
        for view in views:
            if view.status is RunStatus.PAUSED:
                self.resume_run(view.id, WHOLLY)
            elif view.waits_for is not None:
                self.send(view.id, WHOLLY, view.waits_for)
            else:
                self.seen.wrongs.append(f"a run that rests waits for something: {view}")
        return bool(views)


WHOLLY: Final = Move(0, 0, WHOLE)
