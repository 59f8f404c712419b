"""The trace in CloudWatch: `trace` is the sink, `logs` reads back what it has written."""
