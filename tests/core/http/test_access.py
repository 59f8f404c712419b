"""Who may look and who may act."""

from __future__ import annotations

from typing import Any

import pytest
from core.http.asking import Respond, Sent, by
from core.http.shop_of_runs import OPERATE, ORDER, READ, TOKENS

from flux_core import App, InvalidInput
from flux_core._http import Access, Router, access_of
from flux_core._serving.service import Service
from flux_core.storage import MemoryStorage

ACT = "/runs/o-1/pause"
HOST = {"Host": "orders.example:4280"}


def served(access: Access, *, trusted: bool = False, acts: bool = True) -> Respond:
    """Return what sends requests to a shop with that access, in which an order is about to run."""
    app = App([ORDER], MemoryStorage())
    app.start("order", {}, id="o-1")
    return by(Router(Service.of(app), access=access, acts=acts), trusted=trusted)


def bearer(token: str) -> dict[str, str]:
    """Return the header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    ("headers", "method", "status", "code"),
    [
        ({}, "GET", 401, "UNAUTHORIZED"),
        ({}, "POST", 401, "UNAUTHORIZED"),
        (bearer("not-a-token-of-anyone"), "GET", 401, "UNAUTHORIZED"),
        (bearer("\u00fcnlike-any-token \ud800"), "GET", 401, "UNAUTHORIZED"),
        ({"Authorization": f"Basic {READ}"}, "GET", 401, "UNAUTHORIZED"),
        ({"Authorization": READ}, "GET", 401, "UNAUTHORIZED"),
        (bearer(READ), "GET", 200, None),
        (bearer(READ), "POST", 403, "FORBIDDEN"),
        (bearer(OPERATE), "GET", 200, None),
        (bearer(OPERATE), "POST", 200, None),
        ({"authorization": f"bearer  {OPERATE} "}, "POST", 200, None),
    ],
)
def test_a_token_has_a_role(headers: dict[str, str], method: str, status: int, code: str | None) -> None:
    """One that may operate may read too; a wrong one and none are 401, one that may only read is 403 for an act."""
    path = "/runs" if method == "GET" else ACT
    got = served(Access(TOKENS))(Sent(method, path, headers=headers))
    assert (got.status, got.json.get("code")) == (status, code)
    assert got.headers.get("WWW-Authenticate") == ("Bearer" if status == 401 else None)


@pytest.mark.parametrize("path", ["/healthz", "/openapi.json"])
def test_some_need_no_token(path: str) -> None:
    """They say nothing of any run."""
    assert served(Access(TOKENS))(Sent("GET", path)).status == 200


def test_no_token_is_shown() -> None:
    """What was wrong with a token is said without it."""
    got = served(Access(TOKENS))(Sent("GET", "/runs", headers=bearer("my-secret-that-is-wrong")))
    assert "my-secret" not in got.text


def test_without_tokens_nobody_comes_in() -> None:
    """It is said that none is set."""
    got = served(Access({}))(Sent("GET", "/runs", headers=bearer("")))
    assert (got.status, "no token is set" in got.text) == (401, True)


def test_a_trusted_request_may_operate() -> None:
    """Without a token, or with one of the platform's own."""
    respond = served(Access(TOKENS), trusted=True)
    assert respond(Sent("POST", ACT)).status == 200
    assert respond(Sent("POST", ACT, headers=bearer("an-identity-token-of-the-platform"))).status == 200


def test_a_token_counts_before_trust() -> None:
    """Who sends a token that may only read has said what is to be done for it."""
    got = served(Access(TOKENS), trusted=True)(Sent("POST", ACT, headers=bearer(READ)))
    assert got.json["code"] == "FORBIDDEN"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://orders.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "http://Orders.Example:4280"}, 200),
        ({"Origin": "http://orders.example:4280", "Host": ""}, 403),
        ({}, 200),
    ],
)
def test_a_page_of_another_origin_may_not_act(headers: dict[str, str], status: int) -> None:
    """A browser says who sends a request; what no browser sends says nothing of it."""
    got = served(Access({}), trusted=True)(Sent("POST", ACT, headers={**HOST, **headers}))
    assert (got.status, got.json.get("code")) == (status, "FOREIGN_ORIGIN" if status == 403 else None)


def test_an_origin_does_not_matter_to_reads_and_to_tokens() -> None:
    """A page of another origin cannot read the answer, and does not know a token."""
    respond, headers = served(Access(TOKENS), trusted=True), {**HOST, "Origin": "https://evil.example"}
    assert respond(Sent("GET", "/runs", headers=headers)).status == 200
    assert respond(Sent("POST", ACT, headers=headers | bearer(OPERATE))).status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", **bearer(READ)}, 200),
    ],
)
def test_a_page_of_another_site_may_only_link_here(headers: dict[str, str], status: int) -> None:
    """It cannot read what is answered, but could hold streams open; who has a token is not its browser."""
    got = served(Access(TOKENS), trusted=True)(Sent("GET", "/runs", headers={**HOST, **headers}))
    assert (got.status, got.json.get("code")) == (status, "FOREIGN_ORIGIN" if status == 403 else None)


def test_where_nothing_can_be_done_it_is_said() -> None:
    """Runs of a trace can be looked at only, and it is said how to act."""
    respond = served(Access(TOKENS), acts=False)
    assert respond(Sent("GET", "/runs/o-1", headers=bearer(OPERATE))).status == 200
    got = respond(Sent("POST", ACT, headers=bearer(OPERATE)))
    assert (got.status, got.json["code"], "serve the app" in got.json["detail"]) == (403, "READ_ONLY", True)
    assert respond(Sent("POST", ACT, headers=bearer(READ))).json["code"] == "FORBIDDEN"


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ({"short": "read"}, "16 characters or more"),
        ({"a-token-long-enough": "admin"}, "expected the role 'read' or 'operate', got 'admin'"),
        ({"a token long enough": "read"}, "printable ASCII characters without a space"),
        ({"\u00e4-token-long-enough": "read"}, "printable ASCII"),
        ({"a-token\n-long-enough": "read"}, "printable ASCII"),
        ({1234567890123456: "read"}, "16 characters or more"),
        (["a-token-long-enough"], "expected roles by token"),
    ],
)
def test_a_token_that_cannot_be_taken(tokens: Any, message: str) -> None:
    """It is refused when the front is built, without being shown."""
    with pytest.raises(InvalidInput, match=message) as caught:
        Access(tokens)
    assert "long-enough" not in str(caught.value)


def test_no_control_is_no_access() -> None:
    """Nothing is served then."""
    assert access_of(control=False, tokens=TOKENS) is None


@pytest.mark.parametrize("control", ["Platform", "", 1, None])
def test_control_is_one_of_three(control: Any) -> None:
    """Anything else is refused."""
    with pytest.raises(InvalidInput, match='control: expected True, False or "platform", got'):
        access_of(control, None)


def test_control_needs_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any it says what to set; the platform needs none."""
    monkeypatch.delenv("FLUX_READ_TOKEN", raising=False)
    monkeypatch.setenv("FLUX_OPERATE_TOKEN", " ")
    nothing: list[dict[str, str] | None] = [None, {}]
    for tokens in nothing:
        with pytest.raises(InvalidInput, match="set FLUX_READ_TOKEN or FLUX_OPERATE_TOKEN"):
            access_of(control=True, tokens=tokens)
    access = access_of("platform", None)
    assert access is not None
    assert not access.has_tokens


def test_tokens_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each variable gives its role; tokens that are given count instead."""
    monkeypatch.setenv("FLUX_READ_TOKEN", READ)
    monkeypatch.setenv("FLUX_OPERATE_TOKEN", OPERATE)
    access = access_of(control=True, tokens=None)
    assert access is not None
    assert access.has_tokens
    respond = served(access)
    assert respond(Sent("GET", "/runs", headers=bearer(READ))).status == 200
    assert respond(Sent("POST", ACT, headers=bearer(OPERATE))).status == 200
    given = access_of(control=True, tokens={"another-token-to-read": "read"})
    assert given is not None
    assert served(given)(Sent("GET", "/runs", headers=bearer(READ))).status == 401


def test_a_variable_that_cannot_be_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named, not its value; one token has one role."""
    monkeypatch.setenv("FLUX_READ_TOKEN", "short")
    with pytest.raises(InvalidInput, match="FLUX_READ_TOKEN: a token has 16 characters"):
        access_of(control=True, tokens=None)
    monkeypatch.setenv("FLUX_READ_TOKEN", OPERATE)
    monkeypatch.setenv("FLUX_OPERATE_TOKEN", OPERATE)
    with pytest.raises(InvalidInput, match="are the same token"):
        access_of("platform", None)
