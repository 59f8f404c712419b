"""Where the Terraform files stand."""

from __future__ import annotations

from pathlib import Path
from typing import Final

TERRAFORM: Final = Path(__file__).parents[2] / "terraform"
CLOUDS: Final = ("aws", "gcp", "azure")
"""A module each, in a folder of that name."""


def example_of(cloud: str) -> Path:
    """Return the folder of the root that puts the order template on a cloud."""
    return TERRAFORM / cloud / "examples" / "order-fulfillment"


FOLDERS: Final = [folder for cloud in CLOUDS for folder in (TERRAFORM / cloud, example_of(cloud))]
"""What Terraform runs in: the modules and their examples."""
