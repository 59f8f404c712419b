"""The OpenAPI 3.1 document of the API, made of the table of routes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flux_core import __version__
from flux_core._http import refused
from flux_core._http.schemas import SCHEMAS, ref
from flux_core._serving.problem import PROBLEM_JSON, STATUSES, phrase

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from flux_core._http.parameters import Header, Parameter
    from flux_core._http.route import Answer, Body, Route

TOKEN: Final = "token"  # noqa: S105 (the name of a scheme, no password)
ALWAYS: Final = (500, 503)
"""Statuses that any route may answer: a bug, and a store that does not answer."""
WITH_ROLE: Final = (401, 403)
WITH_BODY: Final = (400, 413)

HEADERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "ETag": {
        "description": "Changes when the answer does.",
        "required": True,
        "schema": {"type": "string", "pattern": '^"[0-9a-f]+"$'},
    },
    "Location": {
        "description": "Where the run is found, relative to the request.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Preference-Applied": {
        "description": "Said if the run was started and not waited for.",
        "schema": {"const": "respond-async"},
    },
    "Retry-After": {
        "description": "Seconds until the worker that holds the run lets go of it; only said of a run that is held.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "WWW-Authenticate": {
        "description": "That a token is wanted.",
        "required": True,
        "schema": {"const": "Bearer"},
    },
}

PROBLEM_HEADERS: Final[Mapping[int, Sequence[str]]] = {401: ["WWW-Authenticate"], 409: ["Retry-After"]}
"""The headers of problems, by status."""


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """Return the document."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Flux",
            "version": __version__,
            "description": "Runs of workflows: to look at, and to act on.",
        },
        "servers": [{"url": ".", "description": "Where this document is."}],
        "paths": paths,
        "components": {
            "schemas": dict(SCHEMAS),
            "securitySchemes": {
                TOKEN: {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token has the role `read`, or `operate`, which may read too.",
                }
            },
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.about,
        "security": [{TOKEN: [route.role]}] if route.role else [],
        "parameters": [
            *(_parameter(each, "path") for each in route.path_parameters),
            *(_parameter(each, "query") for each in route.query),
            *(_header(each) for each in route.headers),
        ],
        "responses": {str(answer.status): _answer(answer) for answer in route.answers},
    }
    if route.body is not None:
        operation["requestBody"] = _body(route.body)
    if any(header.name == "If-None-Match" for header in route.headers):
        operation["responses"]["304"] = {
            "description": "It is as the client has it.",
            "headers": _headers(["ETag"]),
        }
    for status in _refusals(route):
        operation["responses"][str(status)] = _problem(status)
    return operation


def _refusals(route: Route) -> list[int]:
    also = (WITH_ROLE if route.role else ()) + (WITH_BODY if route.acts else ())
    return sorted({*route.refuses, *also, *ALWAYS})


def _parameter(parameter: Parameter, place: str) -> dict[str, Any]:
    schema = parameter.schema
    described = {
        "name": parameter.name,
        "in": place,
        "description": parameter.about,
        "required": place == "path" or parameter.required,
        "schema": {"type": "array", "items": schema} if parameter.many else schema,
    }
    return described | {"style": "form", "explode": True} if parameter.many else described


def _header(header: Header) -> dict[str, Any]:
    return {"name": header.name, "in": "header", "description": header.about, "schema": header.schema}


def _body(body: Body) -> dict[str, Any]:
    schema: Mapping[str, Any] = {}
    if body.fields is not None:
        schema = {
            "type": "object",
            "properties": body.fields,
            "required": list(body.required),
            "additionalProperties": False,
        }
    return {
        "description": body.about,
        "required": body.needed,
        "content": {"application/json": {"schema": schema}},
    }


def _answer(answer: Answer) -> dict[str, Any]:
    described: dict[str, Any] = {"description": answer.about}
    if answer.headers:
        described["headers"] = _headers(answer.headers)
    if answer.schema is not None:
        described["content"] = {answer.media: {"schema": ref(answer.schema)}}
    return described


def _problem(status: int) -> dict[str, Any]:
    codes = sorted(code for code, its in {**STATUSES, **refused.STATUSES}.items() if its == status)
    described: dict[str, Any] = {
        "description": f"{phrase(status)}: {', '.join(codes) or 'any code'}.",
        "content": {PROBLEM_JSON: {"schema": ref("Problem")}},
    }
    if status in PROBLEM_HEADERS:
        described["headers"] = _headers(PROBLEM_HEADERS[status])
    return described


def _headers(names: Iterable[str]) -> dict[str, Any]:
    return {name: HEADERS[name] for name in names}
