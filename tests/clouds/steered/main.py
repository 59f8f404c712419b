"""The shop on Cloud Run functions."""

from __future__ import annotations

from core.http.shop_of_runs import OLD_REPORT, ORDER, REPORT

import flux_gcp
import flux_gcp.aio
from flux_core import App

app = App([OLD_REPORT, ORDER, REPORT])
orders = flux_gcp.http(app, workflow=ORDER, control=True)
orders_aio = flux_gcp.aio.http(app, workflow=ORDER, control=True)
