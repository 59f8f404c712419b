"""Serving: what the fronts of all clouds do alike, once they have recognised an event and before they answer it."""
