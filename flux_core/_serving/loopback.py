"""Which hosts are this computer: who asks from one is nobody else, and nobody else reaches what listens at one."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address


def is_loopback(host: str) -> bool:
    """Whether a host is this computer, whatever a name server says: a loopback address, or `localhost`.

    Args:
        host: an address, in brackets or not, or a name; without a port.
    """
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return host.lower() == "localhost"
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
