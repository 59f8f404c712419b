"""A retry policy has an option that there is not, or of the wrong type."""

from flux_core import Retry

Retry("3")  # error
Retry(3, initial="1s")  # error
Retry(3, jitter="half")  # error
Retry(3, retry_on=ValueError)  # error
Retry(3, give_up_on=("ValueError",))  # error
Retry(3, backoff=2)  # error
Retry()  # error
