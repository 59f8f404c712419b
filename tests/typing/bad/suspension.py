"""A handler's sleep or wait is given something else than a time or a signal."""

from datetime import datetime

from flux_core import sleep, wait

sleep()  # error
sleep("1h")  # error
sleep(None)  # error
sleep(datetime(2026, 1, 1))  # error
sleep(60, "name")  # error
wait()  # error
wait(60)  # error
wait("approved", 60)  # error
wait("approved", timeout="1h")  # error
wait("approved", on_timeout="skip")  # error
sleep(60).seconds = 3  # error
