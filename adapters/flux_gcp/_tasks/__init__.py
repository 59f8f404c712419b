"""Cloud Tasks: `waker` has a run woken by a task, `refusals` says what is wrong if there can be none."""
