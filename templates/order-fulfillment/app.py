"""The app, and its front on AWS Lambda: `app.handler`.

The same order, however it arrives and however often, is one run: `key` makes its id from the order's own.
`FLUX_STORE` says where runs are kept, such as `sqlite:///orders.db`.
"""

import flux_aws
from flux_core import App

from workflow import order

app = App([order])
handler = flux_aws.handler(app, key=lambda order: f"order-{order['order_id']}")
