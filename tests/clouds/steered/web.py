"""The shop on a server of its own, where nobody goes on with what is due."""

from __future__ import annotations

from core.http.shop_of_runs import OLD_REPORT, ORDER, REPORT

import flux_web
from flux_core import App

app = flux_web.asgi(App([OLD_REPORT, ORDER, REPORT]), tick_every=None)
