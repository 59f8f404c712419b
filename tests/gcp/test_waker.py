"""CloudTasksWaker: the tasks that it makes, and what it says when it cannot."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from gcp.tasks import serving_tasks

import flux_gcp
from flux_core import InvalidInput, ResourceNotFound, ServiceFailed
from flux_core._invocation import CURRENT, Invocation
from flux_gcp._tasks.waker import task_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gcp.tasks import Tasks

QUEUE = "projects/shop-1234/locations/europe-west1/queues/flux-wakes"
URL = "https://control-abc-ew.a.run.app"
ACCOUNT = "flux-waker@shop-1234.iam.gserviceaccount.com"
DAY = 86_400
ROOT = Path(__file__).parents[2]


@pytest.fixture
def tasks() -> Iterator[Tasks]:
    """A service that takes tasks."""
    with serving_tasks() as served:
        yield served


def waker(tasks: Tasks, **options: Any) -> flux_gcp.CloudTasksWaker:
    """Return a waker that makes tasks there."""
    return flux_gcp.CloudTasksWaker(
        **{"queue": QUEUE, "url": URL, "service_account": ACCOUNT, "endpoint": tasks.endpoint, **options}
    )


def scheduled(task: Any) -> float:
    """Return when a task is to come, in Unix seconds; 0 for at once."""
    return float(task.schedule_time.timestamp()) if "schedule_time" in task else 0.0


def test_a_task_calls_the_control_function(tasks: Tasks) -> None:
    """It posts the command that wakes the run, as the service account, at the run's time."""
    at = time.time() + 60.25
    waker(tasks).wake("o_1", at)
    (task,) = tasks.created

    assert (task.http_request.url, task.http_request.http_method.name) == (URL, "POST")
    assert json.loads(task.http_request.body) == {"flux": {"action": "wake", "id": "o_1", "at": at}}
    assert task.http_request.headers["Content-Type"] == "application/json"
    token = task.http_request.oidc_token
    assert (token.service_account_email, token.audience) == (ACCOUNT, URL)
    assert scheduled(task) == pytest.approx(at, abs=0.001)


def test_what_is_due_comes_at_once(tasks: Tasks) -> None:
    """A task for the past has no time."""
    waker(tasks).wake("o_1", time.time() - 5)

    assert scheduled(tasks.created[0]) == 0


def test_what_is_far_comes_within_thirty_days(tasks: Tasks) -> None:
    """Cloud Tasks holds nothing back for longer; the message says what the run's time is."""
    at = time.time() + 90 * DAY
    waker(tasks).wake("o_1", at)
    (task,) = tasks.created

    assert 29 * DAY < scheduled(task) - time.time() < 30 * DAY
    assert json.loads(task.http_request.body)["flux"]["at"] == at


def test_what_is_asked_for_twice_is_one_task(tasks: Tasks) -> None:
    """A name that is taken is not an error: the wake-up is there."""
    at = time.time() + 60
    for _ in range(2):
        waker(tasks).wake("o_1", at)

    assert len(tasks.created) == 1


def test_a_task_may_ask_for_its_own_time_again(tasks: Tasks) -> None:
    """A wake-up that comes early is sent on although its name stays taken."""
    at = time.time() + 60
    waker(tasks).wake("o_1", at)
    before = CURRENT.set(Invocation({}, context={"x-cloudtasks-taskname": "f00-o_1"}))
    waker(tasks).wake("o_1", at)
    CURRENT.reset(before)

    assert len(tasks.created) == 2


def test_a_tasks_id_is_one_that_google_takes() -> None:
    """Of letters, digits, underscores and hyphens, 500 at most, with the run's id to be read in it."""
    name = task_id("order:o@1.x" + "9" * 117, 1_700_000_000.25, URL)

    assert re.fullmatch("[A-Za-z0-9_-]{1,500}", name)
    assert "-order-o-1-x9" in name


def test_the_environment_says_it_all(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deployed function needs no arguments."""
    monkeypatch.setenv("FLUX_TASKS_QUEUE", QUEUE)
    monkeypatch.setenv("FLUX_CONTROL_URL", URL)
    monkeypatch.setenv("FLUX_SERVICE_ACCOUNT", ACCOUNT)
    made = waker(tasks, queue=None, url=None, service_account=None)
    made.wake("o_1", 0)

    assert (made.queue, made.url) == (QUEUE, URL)
    assert tasks.created[0].http_request.oidc_token.service_account_email == ACCOUNT


@pytest.mark.parametrize(
    ("options", "path", "why"),
    [
        ({"queue": None}, "queue", "or the variable FLUX_TASKS_QUEUE"),
        ({"url": None}, "url", "or the variable FLUX_CONTROL_URL"),
        ({"queue": "flux-wakes"}, "queue", "expected projects/PROJECT/locations/LOCATION/queues/QUEUE"),
        ({"url": "control"}, "url", "expected the URL of the control function, got 'control'"),
        ({"service_account": None}, "service_account", "or set FLUX_SERVICE_ACCOUNT"),
    ],
)
def test_what_is_missing_is_said_when_it_is_made(options: dict[str, Any], path: str, why: str) -> None:
    """Not when the first run is to sleep."""
    with pytest.raises(InvalidInput, match=why) as raised:
        flux_gcp.CloudTasksWaker(**{"queue": QUEUE, "url": URL, "service_account": ACCOUNT, **options})

    assert raised.value.path == path


@pytest.mark.parametrize(
    ("status", "text", "error", "why"),
    [
        (
            grpc.StatusCode.NOT_FOUND,
            "Requested entity was not found.",
            ResourceNotFound,
            "gcloud tasks queues create flux-wakes --location=europe-west1 --project=shop-1234",
        ),
        (
            grpc.StatusCode.FAILED_PRECONDITION,
            "Queue does not exist.",
            ResourceNotFound,
            "gcloud tasks queues create",
        ),
        (
            grpc.StatusCode.PERMISSION_DENIED,
            "cloudtasks.tasks.create",
            ServiceFailed,
            f"grant whoever calls roles/cloudtasks.enqueuer .*actAs.* on {ACCOUNT}",
        ),
        (
            grpc.StatusCode.UNAUTHENTICATED,
            "expired",
            ServiceFailed,
            "the credentials are not accepted: expired",
        ),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "quota", ServiceFailed, "it takes no more for now"),
        (grpc.StatusCode.INVALID_ARGUMENT, "bad URL", InvalidInput, "takes no such task: bad URL"),
        (grpc.StatusCode.ABORTED, "odd", ServiceFailed, "Aborted: odd"),
    ],
)
def test_a_refusal_says_what_to_do(
    tasks: Tasks, status: grpc.StatusCode, text: str, error: type[Exception], why: str
) -> None:
    """It names the queue, and the role, the account or the command that is wanted."""
    tasks.refusals.append((status, text))

    with pytest.raises(error, match=f"(?s){QUEUE}.*{why}"):
        waker(tasks).wake("o_1", 0)


def test_a_service_that_is_away_for_a_moment_is_called_again(tasks: Tasks) -> None:
    """A task has a name, so that a call whose answer was lost can be made again."""
    tasks.refusals.append((grpc.StatusCode.UNAVAILABLE, "try later"))
    waker(tasks).wake("o_1", 0)

    assert (tasks.calls, len(tasks.created)) == (2, 1)


def test_a_service_that_stays_away_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function's time is not waited away."""
    monkeypatch.setattr("flux_gcp._tasks.waker.PATIENCE", 0.3)
    absent = flux_gcp.CloudTasksWaker(queue=QUEUE, url=URL, endpoint="127.0.0.1:9")

    with pytest.raises(ServiceFailed, match="no answer"):
        absent.wake("o_1", 0)


def test_a_service_that_says_nothing_is_given_up_when_the_invocation_ends(silent: str) -> None:
    """Whoever waits for the function's answer is still answered."""
    waiting = flux_gcp.CloudTasksWaker(queue=QUEUE, url=URL, endpoint=silent)
    began = time.monotonic()
    before = CURRENT.set(Invocation({}, deadline=began + 0.7))
    with pytest.raises(ServiceFailed, match="no answer"):
        waiting.wake("o_1", 0)
    CURRENT.reset(before)

    assert time.monotonic() - began < 2


def test_without_credentials_the_error_says_where_to_get_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Outside of Google Cloud, with nothing set, nothing is guessed."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    real = flux_gcp.CloudTasksWaker(queue=QUEUE, url=URL, service_account=ACCOUNT)

    with pytest.raises(
        ServiceFailed, match="set GOOGLE_APPLICATION_CREDENTIALS, or log in with: gcloud auth"
    ):
        real.wake("o_1", 0)


def test_a_bug_is_not_taken_for_a_refusal(tasks: Tasks) -> None:
    """What is no error of Google's is passed on as it is: here, a name that is no text."""
    with pytest.raises(UnicodeError):
        waker(tasks, service_account="\ud800").wake("o_1", 0)


def test_the_library_that_is_missing_is_named() -> None:
    """Without google-cloud-tasks the waker says how to install it."""
    code = (
        "import sys; sys.modules['google.cloud.tasks_v2'] = None\n"
        "import flux_gcp\n"
        f"waker = flux_gcp.CloudTasksWaker(queue='{QUEUE}', url='{URL}', endpoint='127.0.0.1:9')\n"
        "try: waker.wake('o_1', 0)\n"
        "except Exception as error: print(error)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "pip install 'flux-serverless[gcp]'" in ended.stdout


def test_no_sdk_is_imported_before_it_is_needed() -> None:
    """A cold start pays for what the first order uses: no SDK, no server, nothing that types bring."""
    code = (
        "import sys, flux_gcp\n"
        "waker = flux_gcp.CloudTasksWaker(queue='projects/p/locations/l/queues/q', url='http://c', endpoint='e:1')\n"
        "trace = flux_gcp.CloudLoggingTrace()\n"
        "print(*sorted({'google', 'grpc', 'flask', 'starlette', 'cloudevents', 'asyncio', 'dataclasses', 'inspect',"
        " 'urllib.request'} & sys.modules.keys()))"
    )
    ended = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'adapters'}"},
    )

    assert ended.stdout.strip() == ""
