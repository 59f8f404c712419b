"""The `flux` command: run workflows, see how runs stand, go on with them, draw them."""

import sys
from importlib.util import find_spec

__all__ = ["main"]


def main() -> None:
    """Run the command line that the process was called with, and exit with its code."""
    missing = [package for package in ("click", "rich") if find_spec(package) is None]
    if missing:
        sys.exit(_without(missing))

    from flux_cli._main import main as run

    run()


def _without(missing: list[str]) -> int:
    print(  # noqa: T201 (there is no click to say it with)
        f"flux: the command line needs {' and '.join(missing)}: pip install 'flux-serverless[cli]'",
        file=sys.stderr,
    )
    return 2
