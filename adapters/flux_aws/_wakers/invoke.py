"""Waking a run that is due, by invoking the function without waiting for its answer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from flux_aws._clients import Once, calling, session
from flux_aws._wakers.called import named_function, short_calls
from flux_core._waker import message

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


class InvokeWaker:
    """Wakes a run that is due by invoking the function asynchronously; what is not due it leaves to `tick`.

    Args:
        function: its name or ARN; by default the function, and the alias, that is being invoked.
        region: the function's; by default the environment's.
        endpoint: the URL of a service that is not AWS's own.
    """

    def __init__(
        self, function: str | None = None, *, region: str | None = None, endpoint: str | None = None
    ) -> None:
        self._function = function
        self._client: Once[LambdaClient] = Once(
            lambda: session().client(
                "lambda", region_name=region, endpoint_url=endpoint, config=short_calls()
            )
        )

    def wake(self, run_id: str, at: float) -> None:
        """Invoke the function, if it is time.

        Raises:
            InvalidInput: no function is named, and none is being invoked.
            ResourceNotFound: there is no such function.
            ServiceFailed: it cannot be reached, or refuses.
        """
        if at > time.time():
            return
        function = named_function(self._function)
        with calling(f"function {function}", "lambda:InvokeFunction"):
            self._client().invoke(FunctionName=function, InvocationType="Event", Payload=message(run_id, at))
