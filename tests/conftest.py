"""What holds for every test."""

from hypothesis import HealthCheck, settings

# A busy machine is no reason to fail. In CI the parent draws the same examples each time.
settings.register_profile(
    "flux", parent=settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("flux")
