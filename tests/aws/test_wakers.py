"""The wakers: which message goes where, and when it arrives. SQS and EventBridge Scheduler are moto's."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from itertools import count
from threading import Thread
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from aws import events

from flux_aws import InvokeWaker, LambdaWaker, SchedulerWaker, SQSWaker, handler
from flux_aws._clients import session
from flux_aws._sources.source import invocation_of
from flux_core import App, InvalidInput, ResourceNotFound, ServiceFailed, Workflow
from flux_core._invocation import CURRENT
from flux_core.storage import MemoryStorage
from flux_core.testing import FakeClock

from services.invoke_api import InvokeAPI, Refusal, invoke_api
from services.moto_server import ACCOUNT, ENVIRONMENT, REGION, moto_server

if TYPE_CHECKING:
    from collections.abc import Iterator

ROLE = f"arn:aws:iam::{ACCOUNT}:role/scheduler"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:orders:live"
HOUR = 3600.0


def wake_of(run_id: str, at: float) -> dict[str, Any]:
    """Return the message of a wake-up for that moment."""
    return {"flux": {"action": "wake", "id": run_id, "at": at}}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings but those of the tests."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ENDPOINT_URL", "FLUX_QUEUE_URL", "FLUX_SCHEDULER_ROLE_ARN", "FLUX_SCHEDULER_GROUP"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The URL of moto's server."""
    with moto_server() as url:
        yield url


@pytest.fixture
def cloud(moto: str) -> Cloud:
    """What has come of wake-ups."""
    return Cloud(moto)


@pytest.fixture
def function() -> Iterator[InvokeAPI]:
    """A function that takes every call."""
    with invoke_api(lambda event: None) as api:
        yield api


class Cloud:
    """A queue of its own, and the schedules that were not there before."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.sqs = session().client("sqs", endpoint_url=url)
        self.scheduler = session().client("scheduler", endpoint_url=url)
        self.queue = self.sqs.create_queue(QueueName=f"wakes-{time.time_ns()}")["QueueUrl"]
        self._before = self._names()

    def _names(self) -> set[str]:
        return {schedule["Name"] for schedule in self.scheduler.list_schedules()["Schedules"]}

    @property
    def schedules(self) -> list[Any]:
        """The schedules that were made, as the service describes them."""
        return [self.scheduler.get_schedule(Name=name) for name in sorted(self._names() - self._before)]

    @property
    def messages(self) -> list[tuple[Any, int]]:
        """The bodies of the messages in the queue, and for how many seconds each is held back."""
        from moto.sqs.models import sqs_backends

        queue: Any = sqs_backends[ACCOUNT][REGION].queues[self.queue.rpartition("/")[2]]
        return [
            (json.loads(one.body), max(0, round((one.delayed_until - one.sent_timestamp) / 1000)))
            for one in queue._messages
        ]


def schedule_waker(cloud: Cloud, **options: Any) -> SchedulerWaker:
    """Return the waker of the function, on moto's server."""
    return SchedulerWaker(ROLE, **{"function": FUNCTION, "endpoint": cloud.url} | options)


@pytest.mark.parametrize(
    ("seconds", "delay"),
    [(-5.0, 0), (0.0, 0), (0.2, 1), (9.5, 10), (900.0, 900), (901.0, 900), (9000.0, 900)],
)
def test_a_message_is_held_back_until_the_time(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, seconds: float, delay: int
) -> None:
    """The delay is whole seconds, never short of the time, and at most the 15 minutes that SQS allows."""
    monkeypatch.setattr("flux_aws._wakers.sqs.time", SimpleNamespace(time=lambda: 1_000_000.0))
    waker = SQSWaker(cloud.queue, endpoint=cloud.url)
    waker.wake("r1", 1_000_000.0 + seconds)
    assert cloud.messages == [(wake_of("r1", 1_000_000.0 + seconds), delay)]


def test_a_fifo_queue_is_refused() -> None:
    """A FIFO queue cannot hold back single messages, and is refused when it is named."""
    with pytest.raises(InvalidInput, match="FIFO"):
        SQSWaker(f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/wakes.fifo")


@pytest.mark.parametrize(
    "queue", ["wakes", f"arn:aws:sqs:{REGION}:{ACCOUNT}:wakes", "https://sqs.amazonaws.com"]
)
def test_a_queue_is_named_by_its_url(queue: str) -> None:
    """A name or an ARN is no URL of a queue, and is refused when it is given."""
    with pytest.raises(InvalidInput, match="URL of an SQS queue"):
        SQSWaker(queue)


@pytest.mark.parametrize(
    ("queue", "arn"),
    [
        ("https://sqs.us-east-2.amazonaws.com/1234/wakes", "arn:aws:sqs:us-east-2:1234:wakes"),
        ("https://sqs.cn-north-1.amazonaws.com.cn/1234/wakes", "arn:aws-cn:sqs:cn-north-1:1234:wakes"),
        ("https://sqs.us-gov-west-1.amazonaws.com/1234/wakes", "arn:aws-us-gov:sqs:us-gov-west-1:1234:wakes"),
        ("http://127.0.0.1:4570/1234/wakes", f"arn:aws:sqs:{REGION}:1234:wakes"),
    ],
)
def test_the_arn_of_a_queue(queue: str, arn: str) -> None:
    """The ARN follows from the URL; a URL that is not AWS's own says no region, and the environment does."""
    assert SQSWaker(queue).queue_arn == arn


def test_the_arn_of_a_queue_is_the_services(cloud: Cloud) -> None:
    """The ARN is the one that the service itself gives to the queue."""
    said = cloud.sqs.get_queue_attributes(QueueUrl=cloud.queue, AttributeNames=["QueueArn"])["Attributes"]
    assert SQSWaker(cloud.queue).queue_arn == said["QueueArn"]


def test_a_queue_is_in_the_region_of_its_url(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment's region is not the queue's, if the queue's URL names another."""
    region = "eu-central-1"
    far = session().client("sqs", endpoint_url=cloud.url, region_name=region)
    name = f"wakes-{time.time_ns()}"
    queue = far.create_queue(QueueName=name)["QueueUrl"]
    monkeypatch.setenv("AWS_REGION", "sa-east-1")
    SQSWaker(f"https://sqs.{region}.amazonaws.com/{ACCOUNT}/{name}", endpoint=cloud.url).wake("r1", 0)
    (message,) = far.receive_message(QueueUrl=queue)["Messages"]
    assert json.loads(message["Body"]) == wake_of("r1", 0)


def test_a_queue_that_is_not_there_is_named(cloud: Cloud) -> None:
    """The error names the queue."""
    with pytest.raises(ResourceNotFound, match=f"there is no queue {cloud.queue}-not"):
        SQSWaker(f"{cloud.queue}-not", endpoint=cloud.url).wake("r1", 0)


def test_a_schedule_fires_once_at_the_next_whole_second(cloud: Cloud) -> None:
    """The schedule is in UTC, not before the time, exact, calls the function with the message, and deletes itself."""
    at = 1_000_000.25 + 10 * 365 * 86_400 + time.time()
    schedule_waker(cloud).wake("r1", at)
    (schedule,) = cloud.schedules
    moment = datetime.strptime(schedule["ScheduleExpression"], "at(%Y-%m-%dT%H:%M:%S)").replace(tzinfo=UTC)
    assert 0 <= moment.timestamp() - at < 1
    assert (schedule["ScheduleExpressionTimezone"], schedule["FlexibleTimeWindow"]) == (
        "UTC",
        {"Mode": "OFF"},
    )
    assert schedule["ActionAfterCompletion"] == "DELETE"
    assert (schedule["Target"]["Arn"], schedule["Target"]["RoleArn"]) == (FUNCTION, ROLE)
    assert json.loads(schedule["Target"]["Input"]) == wake_of("r1", at)


def test_the_same_wake_up_is_one_schedule(cloud: Cloud) -> None:
    """A schedule that is there already is what was asked for."""
    at = time.time() + HOUR
    schedule_waker(cloud).wake("r1", at)
    schedule_waker(cloud).wake("r1", at)
    schedule_waker(cloud).wake("r1", at + 60)
    assert len(cloud.schedules) == 2


def test_each_alias_has_schedules_of_its_own(cloud: Cloud) -> None:
    """A wake-up that an alias has asked for is not taken for that of another, which serves another version."""
    at = time.time() + HOUR
    schedule_waker(cloud).wake("by-alias", at)
    schedule_waker(cloud, function=f"{FUNCTION}-next").wake("by-alias", at)
    assert {schedule["Target"]["Arn"] for schedule in cloud.schedules} == {FUNCTION, f"{FUNCTION}-next"}


def test_what_no_date_can_say_is_left_to_tick(cloud: Cloud) -> None:
    """A run may sleep beyond the year 9999, and a schedule may not."""
    schedule_waker(cloud).wake("r1", 1e12)
    assert not cloud.schedules


@pytest.mark.parametrize("run_id", ["a.b:c@d_e-f", "x" * 128])
def test_the_name_of_a_schedule_is_allowed(cloud: Cloud, run_id: str) -> None:
    """Any run's id makes a name that the service takes: 64 of its characters at most."""
    schedule_waker(cloud).wake(run_id, time.time() + HOUR)
    (schedule,) = cloud.schedules
    assert len(schedule["Name"]) <= 64
    assert json.loads(schedule["Target"]["Input"])["flux"]["id"] == run_id


def test_a_schedule_is_never_in_the_past(cloud: Cloud) -> None:
    """What is due now is scheduled a few seconds ahead, since a time that has passed fires no schedule."""
    schedule_waker(cloud).wake("r1", time.time() - HOUR)
    (schedule,) = cloud.schedules
    moment = datetime.strptime(schedule["ScheduleExpression"], "at(%Y-%m-%dT%H:%M:%S)").replace(tzinfo=UTC)
    assert time.time() < moment.timestamp() < time.time() + 10


def test_a_schedule_needs_the_arn_of_the_function(cloud: Cloud) -> None:
    """A function that is only known by its name is refused, with what to give instead."""
    with pytest.raises(InvalidInput, match="needs the ARN of function 'orders'"):
        schedule_waker(cloud, function=None).wake("r1", time.time() + HOUR)


def test_a_role_is_named_by_its_arn() -> None:
    """The name of a role is refused when it is given."""
    with pytest.raises(InvalidInput, match="ARN of a role"):
        SchedulerWaker("scheduler")


def test_a_run_that_is_due_is_woken_by_an_asynchronous_call(function: InvokeAPI) -> None:
    """The function is called without waiting for its answer."""
    at = time.time()
    InvokeWaker("orders:live", endpoint=function.url).wake("r1", at)
    assert function.calls == [("orders:live", "Event", wake_of("r1", at))]


def test_the_alias_that_is_being_invoked_is_called(function: InvokeAPI) -> None:
    """Without a name, the function is the one that serves the event at hand, under the alias by which it was called."""
    context: Any = SimpleNamespace(invoked_function_arn=FUNCTION, get_remaining_time_in_millis=lambda: 3000)
    before = CURRENT.set(invocation_of({}, context))
    try:
        InvokeWaker(endpoint=function.url).wake("r1", 0)
    finally:
        CURRENT.reset(before)
    assert [call.function for call in function.calls] == [FUNCTION]


def test_outside_of_an_invocation_the_sandbox_names_the_function(function: InvokeAPI) -> None:
    """Without a name and without an event at hand, the function is the sandbox's own."""
    InvokeWaker(endpoint=function.url).wake("r1", 0)
    assert [call.function for call in function.calls] == ["orders"]


def test_off_lambda_the_function_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing says which function it is, the error asks for it."""
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME")
    with pytest.raises(InvalidInput, match="name the function"):
        InvokeWaker().wake("r1", 0)


def test_what_is_not_due_is_not_called_for(function: InvokeAPI) -> None:
    """A call cannot be held back, so that what is due later is left to `tick`."""
    InvokeWaker("orders", endpoint=function.url).wake("r1", time.time() + 2)
    assert not function.calls


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (Refusal(403, "AccessDeniedException", "not yours"), "allow lambda:InvokeFunction"),
        (Refusal(429, "TooManyRequestsException", "slow down"), "throttled"),
        (Refusal(403, "ExpiredTokenException", "too old"), "credentials have expired"),
        (Refusal(418, "TeapotException", "short\nand stout"), "TeapotException: short and stout"),
    ],
)
def test_why_a_call_was_refused_is_said(function: InvokeAPI, refusal: Refusal, said: str) -> None:
    """The error names the function, and says in one line what to do."""
    function.refusal = refusal
    with pytest.raises(ServiceFailed, match=said) as raised:
        InvokeWaker("orders", endpoint=function.url).wake("r1", 0)
    assert "function orders" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_many_threads_share_one_client(function: InvokeAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client is made once, however many threads ask for it first."""
    made = count()
    waker = InvokeWaker("orders", endpoint=function.url)
    make = waker._client._make
    monkeypatch.setattr(waker._client, "_make", lambda: (next(made), make())[1])
    threads = [Thread(target=waker.wake, args=("r1", 0)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (next(made), len(function.calls)) == (1, 8)


def used(cloud: Cloud, function: InvokeAPI, run_id: str, seconds: float, **options: Any) -> str:
    """Return what LambdaWaker used to wake the run so many seconds from now."""
    waker = LambdaWaker(function=FUNCTION, endpoint=cloud.url, **options)
    waker._now = InvokeWaker(FUNCTION, endpoint=function.url)
    waker.wake(run_id, time.time() + seconds)
    counts = {"call": len(function.calls), "message": len(cloud.messages), "schedule": len(cloud.schedules)}
    return " ".join(f"{count} {what}" for what, count in counts.items() if count)


@pytest.mark.parametrize(
    ("seconds", "both", "queue_only", "role_only", "neither"),
    [
        (0.0, "1 call", "1 call", "1 call", "1 call"),
        (30.0, "1 message", "1 message", "1 schedule", ""),
        (890.0, "1 message", "1 message", "1 schedule", ""),
        (910.0, "1 schedule", "1 message", "1 schedule", ""),
    ],
)
def test_a_wake_up_goes_by_what_suits_the_time(
    cloud: Cloud,
    function: InvokeAPI,
    seconds: float,
    both: str,
    queue_only: str,
    role_only: str,
    neither: str,
) -> None:
    """The table in the docstring of LambdaWaker, with and without a queue and a role."""
    expected = {"both": both, "queue": queue_only, "role": role_only, "neither": neither}
    options: dict[str, dict[str, Any]] = {
        "both": {"queue": cloud.queue, "role": ROLE},
        "queue": {"queue": cloud.queue},
        "role": {"role": ROLE},
        "neither": {},
    }
    seen = {}
    for name, given in options.items():
        own = Cloud(cloud.url)
        function.calls.clear()
        queue = {"queue": own.queue} if "queue" in given else {}
        seen[name] = used(own, function, name, seconds, **given | queue)
    assert seen == expected


def test_the_environment_names_queue_role_and_group(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without arguments the waker takes what the function's environment says."""
    cloud.scheduler.create_schedule_group(Name="wakes")
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.url)
    monkeypatch.setenv("FLUX_QUEUE_URL", cloud.queue)
    monkeypatch.setenv("FLUX_SCHEDULER_ROLE_ARN", ROLE)
    monkeypatch.setenv("FLUX_SCHEDULER_GROUP", "wakes")
    waker = LambdaWaker(function=FUNCTION)
    soon = time.time() + 60
    waker.wake("r1", soon)
    waker.wake("r2", time.time() + HOUR)
    (listed,) = cloud.scheduler.list_schedules(GroupName="wakes")["Schedules"]
    assert [body for body, _ in cloud.messages] == [wake_of("r1", soon)]
    assert listed["Target"]["Arn"] == FUNCTION
    assert waker.queue_arn == f"arn:aws:sqs:{REGION}:{ACCOUNT}:{cloud.queue.rpartition('/')[2]}"


def test_without_a_queue_there_is_no_arn_of_one() -> None:
    """The handler takes no message for a wake-up where there is no queue for them."""
    assert LambdaWaker().queue_arn is None


def test_a_message_brings_its_run_back(cloud: Cloud, function: InvokeAPI) -> None:
    """What the waker has sent makes the handler go on with the run, once it is time and not before."""
    clock = FakeClock(time.time())
    waker = LambdaWaker(function=FUNCTION, queue=cloud.queue, endpoint=cloud.url)
    nap = Workflow("nap").sleep("rest", 600).step("wake", lambda ctx: "rested")
    with App([nap], MemoryStorage(), waker=waker, clock=clock) as app:
        handle = handler(app)
        run_id = handle({}, None)["id"]
        ((body, delay),) = cloud.messages
        record = events.message(body) | {"eventSourceARN": waker.queue_arn}
        early = handle(events.sqs(record), None)
        before = app.get(run_id)
        clock.advance(600)
        late = handle(events.sqs(record), None)
        after = app.get(run_id)
    assert before is not None
    assert after is not None
    assert (body, early, late) == (
        wake_of(run_id, before.wake_at or 0.0),
        {"batchItemFailures": []},
        {"batchItemFailures": []},
    )
    assert 599 <= delay <= 601
    assert (before.status, after.status) == ("suspended", "completed")
