"""The wakers: `by_distance` picks among the others."""
