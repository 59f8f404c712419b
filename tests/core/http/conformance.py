"""What holds a front of the API against its OpenAPI document; the app behind it is that of `shop_of_runs`."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, cast

import schemathesis
from core.http.asking import Sent
from core.http.shop_of_runs import AS_OPERATOR, IDS, WORKFLOWS
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from core.http.asking import Respond


def as_wsgi(respond: Respond) -> Any:
    """Return a WSGI application that passes requests on."""

    def application(environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path, query = str(environ["REQUEST_URI"]).partition("?")[0], str(environ["QUERY_STRING"])
        headers = {
            name.removeprefix("HTTP_").replace("_", "-").lower(): value
            for name, value in environ.items()
            if name.startswith("HTTP_") or name in {"CONTENT_TYPE", "CONTENT_LENGTH"}
        }
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        got = respond(Sent(environ["REQUEST_METHOD"], path, query, headers, body))
        text = got.text.encode()
        start_response(f"{got.status} As It Is", [*got.headers.items(), ("Content-Length", str(len(text)))])
        return [text]

    return application


CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


def check_conformance(respond: Respond, *, examples: int = 10) -> None:
    """Send requests made of the OpenAPI document, good ones and bad ones, and hold each answer against it.

    Args:
        respond: sends them; the app behind it is one of `shop`.
        examples: how many of each kind there are for an operation.
    """
    schema = schemathesis.openapi.from_wsgi("/openapi.json", as_wsgi(respond), config=SchemathesisConfig())
    schema.config.update(base_url="http://localhost")  # the document says that it is where it was read
    schema.config.checks.negative_data_rejection.expected_statuses += ["412"]  # If-Match is out of date
    operations: list[Any] = [operation.ok() for operation in cast("Any", schema.get_all_operations())]
    operations.sort(key=lambda operation: operation.method == "delete")  # the runs are needed till then
    for operation in operations:
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            _check(operation, mode, examples)


def _check(operation: Any, mode: GenerationMode, examples: int) -> None:
    known = {"{id}": IDS, "{name}": (*WORKFLOWS, "approved")}

    @seed(6)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), pick=st.integers(0, 2 * len(IDS)))
    def conforms(case: Any, pick: int) -> None:
        for variable, values in known.items():
            if variable in operation.path and pick < len(values) and mode is GenerationMode.POSITIVE:
                case.path_parameters[variable[1:-1]] = values[pick]
        case.call_and_validate(headers=AS_OPERATOR, checks=CHECKS)

    with suppress(Unsatisfiable):  # nothing can be wrong with a request that carries nothing
        conforms()
