"""Where a request goes, as its client wrote it: Lambda's events tell it in as many ways as there are senders.

REST APIs, function URLs and load balancers tell the path as it was sent, HTTP APIs decode it first. API Gateway decodes
the query, in its payload 1.0 alone. What is decoded is encoded anew; of a path only `%25` cannot be told apart then, so
that a name with a percent sign and two hexadecimal digits in it is not found.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

GREEDY: Final = re.compile(r"\{(\w+)\+\}$")
"""How a resource or a route ends that takes every path below it, `/{proxy+}`."""
API: Final = ".execute-api."
"""What stands in the domains that AWS gives to APIs."""
KEPT: Final = "/%:@!$&'()*+,;=~"
"""What stands in a path for itself, beside letters and digits; a percent sign, since it may have been sent."""


def path_of(event: dict[str, Any]) -> str:
    """Return the path of a request that API Gateway or a function URL sends, without what they put before it.

    Below a greedy path variable, such as that of `ANY /flux/{proxy+}`, it is what the variable stands for. Otherwise
    the stage is left out, where the payload has it in the path: one of an HTTP API that has a name, at a domain of AWS.
    """
    _, _, resource = (event.get("resource") or event.get("routeKey") or "").rpartition(" ")
    if greedy := GREEDY.search(resource):
        return encoded(f"/{(event.get('pathParameters') or {}).get(greedy[1]) or ''}")
    path: str = event.get("rawPath") or event.get("path") or "/"
    asked = event["requestContext"]
    stage = f"/{asked.get('stage')}"
    # A REST API says no version, and no stage either; a domain of one's own stands for a stage, and leaves it out.
    if "version" in event and API in asked.get("domainName", API) and f"{path}/".startswith(f"{stage}/"):
        path = path.removeprefix(stage)
    return encoded(path or "/")


def query_of(event: dict[str, Any]) -> str:
    """Return the query of such a request."""
    if "rawQueryString" in event:
        query: str = event["rawQueryString"]
        return query
    from urllib.parse import urlencode  # as in `encoded`

    return urlencode(event.get("multiValueQueryStringParameters") or {}, doseq=True)


def undecoded_query_of(event: dict[str, Any]) -> str:
    """Return the query of a request that a load balancer sends; without multi-value headers it has each name once."""
    many: Mapping[str, Iterable[str]] = event.get("multiValueQueryStringParameters") or {}
    once: Mapping[str, str] = event.get("queryStringParameters") or {}
    pairs = [(name, value) for name, values in many.items() for value in values] or once.items()
    return "&".join(f"{name}={value}" for name, value in pairs)


def encoded(path: str) -> str:
    """Return a path with its spaces and the like encoded, and what is encoded already as it is."""
    from urllib.parse import quote  # it takes as long to load as all the rest here

    return quote(path, safe=KEPT, errors="replace")
