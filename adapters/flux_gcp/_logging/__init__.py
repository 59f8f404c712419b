"""The trace in Cloud Logging: `trace` writes its lines, `context` finds the request that they belong to."""
