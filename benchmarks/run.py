"""Runs the benchmarks that are named, or all of them: `python benchmarks/run.py [name ...] [--quick]`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # a checkout needs no installation

from benchmarks import (
    build_sizes,
    due,
    dynamodb,
    growth,
    imports,
    lambda_start,
    steps,
    stores,
    trace_memory,
    viewer,
)
from benchmarks.report import main

if __name__ == "__main__":
    main(
        {
            "imports": imports.measure,
            "steps": steps.measure,
            "growth": growth.measure,
            "due": due.measure,
            "dynamodb": dynamodb.measure,
            "lambda": lambda_start.measure,
            "stores": stores.measure,
            "build_sizes": build_sizes.measure,
            "trace_memory": trace_memory.measure,
            "viewer": viewer.measure,
        }
    )
