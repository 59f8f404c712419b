"""A hook has a name that there is not, or takes other arguments than it is given."""

from flux_core import Engine


def told(step: str) -> None: ...


Engine(on={"step_begin": print})  # error
Engine(on={"step_start": told})  # error
Engine(on={"workflow_complete": lambda ctx, error: None})  # error
Engine(on={"step_error": "log"})  # error
