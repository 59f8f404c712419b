"""CloudEvents: `requests` reads them, `recognition` says what they are to a workflow."""
