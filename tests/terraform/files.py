"""Where the Terraform files stand."""

from __future__ import annotations

from pathlib import Path
from typing import Final

TERRAFORM: Final = Path(__file__).parents[2] / "terraform"
MODULE: Final = TERRAFORM / "aws"
EXAMPLE: Final = MODULE / "examples" / "order-fulfillment"
