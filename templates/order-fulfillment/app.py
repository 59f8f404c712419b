"""The app, and its front on AWS Lambda: `app.handler`.

The same order, however it arrives and however often, is one run: `key` makes its id from the order's own.
`FLUX_STORE` says where runs are kept, such as `sqlite:///orders.db` or `dynamodb://orders`.
"""

import os

import flux_aws
from flux_core import App

from workflow import order, run_id

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    app = App([order], trace=[flux_aws.CloudWatchTrace()], waker=flux_aws.LambdaWaker())
else:
    app = App([order])
handler = flux_aws.handler(app, key=run_id)
