"""The functions of a blueprint: `made` makes them, each of the others serves one kind of source."""
