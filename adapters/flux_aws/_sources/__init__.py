"""The sources of events: `recognition` says which one an event comes from, each of the others serves one."""
