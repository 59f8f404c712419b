"""The front on Google Cloud: `order` takes requests, `order_event` messages of Pub/Sub, `control` wake-ups, ticks.

Each is a function of its own, deployed from the same package. `FLUX_STORE` says where runs are kept, such as
`firestore://PROJECT/orders`, and `FLUX_TASKS_QUEUE`, `FLUX_CONTROL_URL` and `FLUX_SERVICE_ACCOUNT` how they are woken.
"""

import os

import flux_gcp
from flux_core import App

import workflow

if "K_SERVICE" in os.environ:
    app = App([workflow.order], trace=[flux_gcp.CloudLoggingTrace()], waker=flux_gcp.CloudTasksWaker())
else:
    app = App([workflow.order])
order = flux_gcp.http(app, key=workflow.run_id)
order_event = flux_gcp.cloud_event(app, key=workflow.run_id)
control = flux_gcp.control(app)
