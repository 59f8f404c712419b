"""Which hosts are this computer itself: one answer, for who is let in and for where a server may listen."""

from __future__ import annotations

import pytest

from flux_core._serving.loopback import is_loopback


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.8.8.8", "::1", "0:0:0:0:0:0:0:1", "[::1]"),
        *("::ffff:127.0.0.1", "[::FFFF:7f00:1]", "localhost", "LocalHost"),
    ],
)
def test_this_computer_is_known(host: str) -> None:
    """By its addresses, of IPv4 within IPv6 too, and by one name."""
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        *("0.0.0.0", "128.0.0.1", "192.0.2.7", "::", "[::]", "::2", "2001:db8::1", "::ffff:192.0.2.7"),  # noqa: S104 (is none)
        *("", "2130706433", "127.1", "localhost.example", "127.0.0.1.nip.io", "127.0.0.1:80", "testclient"),
    ],
)
def test_all_else_may_be_another(host: str) -> None:
    """Every address of this computer, a name that a name server resolves, and what is no host."""
    assert not is_loopback(host)
