"""The shop on Azure Functions."""

from __future__ import annotations

import azure.functions as func
from core.http.shop_of_runs import OLD_REPORT, ORDER, REPORT

import flux_azure
from flux_core import App

app = func.FunctionApp()
app.register_functions(
    flux_azure.blueprint(App([OLD_REPORT, ORDER, REPORT]), workflow=ORDER, timer=None, control=True)
)
