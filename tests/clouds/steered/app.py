"""The shop on Lambda."""

from __future__ import annotations

from core.http.shop_of_runs import OLD_REPORT, ORDER, REPORT

import flux_aws
from flux_core import App

handler = flux_aws.handler(App([OLD_REPORT, ORDER, REPORT]), workflow=ORDER, control=True)
