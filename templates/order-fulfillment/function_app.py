"""The front on Azure: functions that take orders from `/api/orders` and a queue, wake-ups from another, and the tick.

`FLUX_STORE` says where runs are kept, such as `azuretable://ACCOUNT/orders`; `AzureWebJobsStorage` is the queues'
account. Who posts an order needs a function key, unless `HTTP_AUTH_LEVEL` is `ANONYMOUS`: set that where the platform
itself knows who calls.
"""

import os

import azure.functions as func

import flux_azure
from flux_core import App

from workflow import order, run_id

if "WEBSITE_SITE_NAME" in os.environ:
    orders = App([order], trace=[flux_azure.AppInsightsTrace()], waker=flux_azure.QueueWaker())
else:
    orders = App([order])
app = func.FunctionApp(http_auth_level=os.environ.get("HTTP_AUTH_LEVEL", "FUNCTION"))
app.register_functions(flux_azure.blueprint(orders, http="orders", queue="orders", key=run_id))
