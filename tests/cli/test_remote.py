"""`flux --remote`: the commands, sent to a function. It is served here by Lambda's Invoke API over the real handler."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from cli import bakery

import flux_aws
from flux_cli._remote import remote_at
from flux_cli._runs import Runs
from flux_core import App, StoreError, StoreNotFound
from flux_core.storage import SQLiteStorage
from flux_core.testing import FakeClock

from services.invoke_api import InvokeAPI, Refusal, invoke_api
from services.moto_server import ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result

    Flux = Callable[..., Result]

ORDER = '{"order_id": "o1"}'
STORE = "sqlite:///function.db"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings but those of the tests."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "FLUX_REMOTE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def function(folder: Path) -> Iterator[InvokeAPI]:
    """A function that serves the bakery, with its runs in the file `function.db`.

    Its clock stands still at a whole second, so that no time is rounded on its way.
    """
    clock = FakeClock(float(int(time.time())))
    app = App(bakery.app.workflows, SQLiteStorage("function.db"), clock=clock)
    with app, invoke_api(flux_aws.handler(app, workflow="order")) as api:
        yield api


@pytest.fixture
def remote(flux: Flux, function: InvokeAPI, monkeypatch: pytest.MonkeyPatch) -> Flux:
    """Run the command on the function; no app is named here."""
    monkeypatch.delenv("FLUX_APP")

    def invoke(*arguments: str, **options: Any) -> Result:
        return flux("--remote", f"lambda://bakery:live?endpoint={function.url}", *arguments, **options)

    return invoke


def trouble(kind: str) -> str:
    """Return an order with that trouble."""
    return json.dumps({"order_id": "o1", "trouble": kind})


def test_a_run_is_run_by_the_function(remote: Flux, flux: Flux, function: InvokeAPI, folder: Path) -> None:
    """The function runs the workflow, and the answer is shown as the local command shows it; no file is made here."""
    result = remote("run", "order", "--input", ORDER, "--id", "r1", "--tag", "vip")
    assert (result.exit_code, result.stdout) == (0, flux("show", "r1", "--store", STORE).stdout)
    assert "tags vip" in result.stdout
    assert not (folder / "flux.db").exists()
    assert {call.function for call in function.calls} == {"bakery:live"}


@pytest.mark.parametrize(
    ("workflow", "order", "status", "code"),
    [
        ("order", ORDER, "completed", 0),
        ("order", trouble("burnt"), "failed", 1),
        ("order", trouble("slow dough"), "suspended", 6),
        ("cake", ORDER, "suspended", 6),
    ],
)
def test_the_answer_is_that_of_the_local_command(
    remote: Flux, flux: Flux, workflow: str, order: str, status: str, code: int
) -> None:
    """A document over the function is the one that the store gives, and the exit code says the same."""
    result = remote("run", workflow, "--input", order, "--id", "r1", "--json")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["status"]) == (code, status)
    assert document == json.loads(flux("show", "r1", "--store", STORE, "--json").stdout)
    assert document == json.loads(remote("show", "r1", "--json").stdout)


@pytest.mark.parametrize("order", [ORDER, trouble("burnt")])
def test_a_timeline_is_that_of_the_local_command(remote: Flux, flux: Flux, order: str) -> None:
    """A run that has ended looks the same through the function, value by value."""
    remote("run", "order", "--input", order, "--id", "r1")
    assert remote("show", "r1").stdout == flux("show", "r1", "--store", STORE).stdout


def test_a_list_is_that_of_the_local_command(
    remote: Flux, flux: Flux, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs are listed alike, as a table, as a document, filtered, and page by page."""
    later = time.time() + 5
    monkeypatch.setattr("flux_cli._answer.time", SimpleNamespace(time=lambda: later))
    for index, order in enumerate([ORDER, trouble("burnt"), ORDER]):
        remote("run", "order", "--input", order, "--id", f"r{index}")
    remote("run", "cake", "--input", ORDER, "--id", "r3")
    for arguments in (
        ["list", "--json"],
        ["list"],
        ["list", "--status", "failed", "--status", "suspended", "--since", "1h", "--json"],
        ["list", "--workflow", "cake", "--until", "2099-01-01"],
        ["list", "--limit", "2", "--json"],
        ["list", "--id-prefix", "r3", "--json"],
        ["list", "--tag", "vip", "--json"],
    ):
        assert remote(*arguments).stdout == flux(*arguments, "--store", STORE).stdout
    cursor = json.loads(remote("list", "--limit", "3", "--json").stdout)["cursor"]
    rest = json.loads(remote("list", "--limit", "3", "--cursor", cursor, "--json").stdout)["runs"]
    assert [run["id"] for run in rest] == ["r0"]


def test_a_signal(remote: Flux) -> None:
    """The signal's payload goes to the wait, and the function goes on with the run; the same signal twice is one."""
    remote("run", "cake", "--input", ORDER, "--id", "r1")
    result = remote("signal", "r1", "approved", "--payload", '{"by": "ada"}', "--signal-id", "s1", "--json")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["results"]["approved"]) == (0, {"by": "ada"})


def test_a_signal_that_is_only_saved(remote: Flux) -> None:
    """With --no-run the function leaves the run to the next tick."""
    remote("run", "cake", "--input", ORDER, "--id", "r1")
    result = remote("signal", "r1", "approved", "--no-run", "--json")
    assert (result.exit_code, json.loads(result.stdout)["inbox"]) == (0, ["signal approved"])
    assert json.loads(remote("tick", "--json").stdout)["completed"] == 1


def test_pause_resume_and_cancel(remote: Flux) -> None:
    """A run is paused, resumed and cancelled through the function."""
    remote("run", "cake", "--input", ORDER, "--id", "r1")
    assert remote("pause", "r1").exit_code == 0
    assert "waits until" in remote("resume", "r1").stdout
    result = remote("cancel", "r1", "--compensate", "--yes", "--json")
    assert (result.exit_code, json.loads(result.stdout)["status"]) == (0, "rolled_back")


def test_a_cancel_asks(remote: Flux, function: InvokeAPI) -> None:
    """A question is asked here, and without an answer nothing is done there."""
    remote("run", "cake", "--input", ORDER, "--id", "r1")
    result = remote("cancel", "r1", input="n\n")
    assert (result.exit_code, "Cancel run r1 of cake, suspended?" in result.stderr) == (130, True)
    assert [call.payload["flux"]["action"] for call in function.calls][-1] == "show"


def test_a_failed_step_is_retried(remote: Flux, folder: Path) -> None:
    """`retry` finds the failed step in what the function shows, and has it retried."""
    remote("run", "order", "--input", trouble("burnt"), "--id", "r1")
    (folder / "mended").touch()
    assert remote("retry", "r1").exit_code == 0


def test_a_named_step_is_redone(remote: Flux, function: InvokeAPI) -> None:
    """`--step` and `--redo-commits` reach the function."""
    remote("run", "order", "--input", ORDER, "--id", "r1")
    assert remote("retry", "r1", "--step", "charge", "--redo-commits").exit_code == 0
    assert {"step": "charge", "redo_commits": True}.items() <= function.calls[-2].payload["flux"].items()


def test_a_commit_is_resolved(remote: Flux) -> None:
    """What a person says of a commit is recorded by the function."""
    remote("run", "cake", "--input", trouble("lost parcel"), "--id", "r1")
    remote("signal", "r1", "approved")
    result = remote("resolve", "r1", "send", "--output", '"by bike"', "--json")
    assert (result.exit_code, json.loads(result.stdout)["results"]["send"]) == (0, "by bike")


def test_a_tick(remote: Flux) -> None:
    """The function goes on with what is due, and a tick with nothing to do says when there will be."""
    remote("run", "cake", "--input", ORDER, "--id", "r1")
    assert remote("tick").stdout.startswith("0 due; next at 2")


def test_a_run_is_deleted(remote: Flux) -> None:
    """After `delete` the function knows no such run."""
    remote("run", "order", "--input", ORDER, "--id", "r1")
    assert remote("delete", "r1", "--yes").exit_code == 0
    result = remote("show", "r1")
    assert (result.exit_code, "no run 'r1' in the store" in result.stderr) == (3, True)


def test_many_runs_by_filters(remote: Flux, folder: Path) -> None:
    """Filters name the runs, a dry run lists them, and each is worked on by a call of its own."""
    for index in range(3):
        remote("run", "order", "--input", trouble("burnt"), "--id", f"r{index}")
    (folder / "mended").touch()
    listed = json.loads(remote("retry", "--workflow", "order", "--dry-run", "--json").stdout)["runs"]
    result = remote("retry", "--workflow", "order", "--limit", "2", "--yes", "--json")
    assert (len(listed), json.loads(result.stdout)["counts"]) == (3, {"completed": 2})


def test_an_error_of_flux_keeps_its_name(remote: Flux) -> None:
    """What the function raises is told as the local command tells it: code, message and exit code."""
    remote("run", "order", "--input", ORDER, "--id", "r1")
    result = remote("run", "order", "--input", '{"order_id": "o2"}', "--id", "r1", "--json")
    assert (result.exit_code, json.loads(result.stderr)["error"]["code"]) == (4, "INPUT_MISMATCH")
    result = remote("run", "bread", "--input", "{}")
    assert (result.exit_code, "the app has no workflow 'bread'" in result.stderr) == (2, True)
    result = remote("run", "order", "--input", "{}")
    assert (result.exit_code, "order_id" in result.stderr) == (2, True)


def test_a_function_whose_store_is_not_there_exits_with_3(flux: Flux) -> None:
    """As the local command does over a table that is not there."""

    def serve(event: object) -> None:
        raise StoreNotFound("there is no table 'runs'")

    with invoke_api(serve) as api:
        result = flux("--remote", f"lambda://f?endpoint={api.url}", "list", "--json")
    assert (result.exit_code, json.loads(result.stderr)["error"]["code"]) == (3, "STORE_NOT_FOUND")


@pytest.mark.parametrize(
    ("refusal", "code", "said"),
    [
        (
            Refusal(404, "ResourceNotFoundException", "Function not found"),
            3,
            "there is no function bakery:live",
        ),
        (Refusal(403, "AccessDeniedException", "not yours"), 5, "allow lambda:InvokeFunction"),
        (Refusal(429, "TooManyRequestsException", "Rate Exceeded."), 5, "throttled; try again"),
        (Refusal(413, "RequestTooLargeException", "6 MB"), 5, "RequestTooLargeException: 6 MB"),
    ],
)
def test_a_call_that_is_refused(
    remote: Flux, function: InvokeAPI, refusal: Refusal, code: int, said: str
) -> None:
    """What the service says against a call is one line, with what to do, and the call is made once."""
    function.refusal = refusal
    result = remote("list")
    assert (result.exit_code, len(result.stderr.splitlines()), len(function.calls)) == (code, 1, 1)
    assert said in result.stderr


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"statusCode": 200, "body": "hello"}, "is it a handler of Flux, and of this version?"),
        (None, "is it a handler of Flux, and of this version?"),
    ],
)
def test_a_function_that_is_none_of_flux(
    flux: Flux, monkeypatch: pytest.MonkeyPatch, answer: Any, said: str
) -> None:
    """A function that answers something else is told from one of Flux."""
    with invoke_api(lambda event: answer) as api:
        for command in (["list"], ["show", "r1"], ["tick"], ["run", "order", "--input", "{}"]):
            result = flux("--remote", f"lambda://f?endpoint={api.url}", *command)
            assert (result.exit_code, said in result.stderr) == (5, True)


def test_a_function_that_fails(flux: Flux) -> None:
    """An error that is none of Flux's own is told as the function's, in one line."""

    def broken(event: Any) -> None:
        raise KeyError("TABLE")

    with invoke_api(broken) as api:
        result = flux("--remote", f"lambda://f?endpoint={api.url}", "list")
    assert (result.exit_code, result.stderr) == (5, "flux: function f failed: KeyError: 'TABLE'\n")


def test_an_error_without_the_mark_of_one(
    remote: Flux, function: InvokeAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The runtime's emulator answers an error as a result, a time-out as a bare text, a dead process by a status."""
    error = b'{"errorType": "RunBusy", "errorMessage": "run r1 is held", "requestId": "1", "stackTrace": []}'
    monkeypatch.setattr(function, "answer", lambda call: (200, {}, error))
    result = remote("show", "r1")
    assert (result.exit_code, result.stderr) == (4, "flux: run r1 is held\n")
    monkeypatch.setattr(function, "answer", lambda call: (200, {}, b"Task timed out after 3.00 seconds"))
    result = remote("show", "r1")
    expected = "flux: function bakery:live failed: Task timed out after 3.00 seconds\n"
    assert (result.exit_code, result.stderr) == (5, expected)
    monkeypatch.setattr(function, "answer", lambda call: (502, {}, b'{"errorType": "Runtime.ExitError"}'))
    result = remote("show", "r1")
    expected = "flux: function bakery:live: it ended without an answer; its log may say why\n"
    assert (result.exit_code, result.stderr) == (5, expected)


def test_a_store_that_fails_there(flux: Flux) -> None:
    """An error of the function's store is told as one of a store here."""

    def broken(event: Any) -> None:
        raise StoreError("the table is gone")

    with invoke_api(broken) as api:
        result = flux("--remote", f"lambda://f?endpoint={api.url}", "show", "r1")
    assert (result.exit_code, result.stderr) == (5, "flux: the table is gone\n")


def test_an_app_and_a_function_are_worked_on_alike(function: InvokeAPI) -> None:
    """What the commands need is had from an app as from a function."""
    far: Runs = remote_at(f"lambda://f?endpoint={function.url}")
    near: Runs = bakery.app
    needed = {name for name in vars(Runs) if not name.startswith("_")}
    assert needed
    assert all(hasattr(runs, name) for runs in (far, near) for name in needed)


def test_nobody_answers(flux: Flux) -> None:
    """An endpoint where nothing listens is exit code 5, in one line."""
    result = flux("--remote", "lambda://f?endpoint=http://127.0.0.1:9", "list")
    assert (result.exit_code, "no answer" in result.stderr, len(result.stderr.splitlines())) == (5, True, 1)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("lambda://", "expected lambda://FUNCTION"),
        ("lambda://f/x", "expected lambda://FUNCTION"),
        ("lambda://f?regoin=x", "unknown option regoin"),
        ("lambda://f?region=a&region=b", "an option is given twice"),
        ("lambda://[x", "expected lambda://FUNCTION"),
        ("lambda://arn:aws", "expected arn:aws:lambda:REGION:ACCOUNT:function:NAME"),
        ("lambda://f?region=evil.com/x", "function f cannot be called"),
        ("lambda://f?endpoint=nonsense", "Invalid endpoint: nonsense"),
        ("gopher://f", "known: lambda://"),
        ("orders", "known: lambda://"),
    ],
)
def test_a_url_that_names_no_function_exits_with_2(flux: Flux, url: str, said: str) -> None:
    """The error says in one line how a function is named."""
    result = flux("--remote", url, "list")
    assert (result.exit_code, said in result.stderr) == (2, True)
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--remote", "lambda://f", "--store", "memory://", "list"], "give either --remote, or --store"),
        (["list", "--remote", "lambda://f", "--app", "a:b"], "give either --remote, or --app"),
        (
            ["run", "a:b", "order", "--input", "{}", "--remote", "lambda://f"],
            "give either --remote, or --app",
        ),
        (["--remote", "lambda://f", "graph", "order"], "drawn from its app"),
    ],
)
def test_a_function_and_a_place_here_exclude_each_other(flux: Flux, arguments: list[str], said: str) -> None:
    """`--remote` beside `--app` or `--store` is refused, and so is a command that a function cannot do."""
    result = flux(*arguments)
    assert (result.exit_code, said in result.stderr) == (2, True)


def test_the_environment_names_the_function(flux: Flux, function: InvokeAPI) -> None:
    """FLUX_REMOTE names the function where no option does, and FLUX_APP does not matter then."""
    flux("list", env={"FLUX_REMOTE": f"lambda://bakery?endpoint={function.url}"})
    assert [call.function for call in function.calls] == ["bakery"]


def test_an_option_goes_before_the_environment(flux: Flux, function: InvokeAPI) -> None:
    """`--store` means a store here although FLUX_REMOTE is set, and `--remote` a function although FLUX_STORE is."""
    url = f"lambda://bakery?endpoint={function.url}"
    assert flux("list", "--store", "memory://", env={"FLUX_REMOTE": url}).stderr == "no runs\n"
    assert not function.calls
    flux("list", "--remote", url, env={"FLUX_STORE": "sqlite:///gone.db"})
    assert len(function.calls) == 1


def test_the_environment_names_both(flux: Flux) -> None:
    """FLUX_REMOTE and FLUX_STORE at once leave open what is meant, and are refused."""
    result = flux("list", env={"FLUX_REMOTE": "lambda://f", "FLUX_STORE": "memory://"})
    assert (result.exit_code, "give --remote or --store" in result.stderr) == (2, True)


def test_the_region_of_an_arn_is_the_functions(flux: Flux, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function may be named by its ARN, and needs no region beside it."""
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name)
    with invoke_api(lambda event: {"runs": [], "cursor": None}) as api:
        arn = "arn:aws:lambda:us-east-2:123456789012:function:orders:live"
        assert flux("list", "--remote", f"lambda://{arn}?endpoint={api.url}").exit_code == 0
        assert flux("list", "--remote", f"lambda://orders?endpoint={api.url}").exit_code == 2
        assert flux("list", "--remote", f"lambda://orders?region=us-east-2&endpoint={api.url}").exit_code == 0
    assert [call.function for call in api.calls] == [arn, "orders"]
