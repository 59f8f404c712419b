"""Real services that tests start themselves: fetched once, bound to loopback, ended with their test."""
