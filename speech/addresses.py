"""Which addresses are hosts of the public internet, whatever they are wrapped in."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

__all__ = ["Address", "is_public"]

Address = IPv4Address | IPv6Address

# What `is_global` takes for global, and is no host that a client may name: protocols' own addresses, relays to
# 6to4, and Azure's host agent, which answers on a public address from inside only.
_RESERVED_4 = tuple(map(IPv4Network, ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32")))
# All unicast that was ever given out, less what is set apart for protocols, documentation, and the 6bone.
_UNICAST_6 = IPv6Network("2000::/3")
_RESERVED_6 = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "3ffe::/16", "3fff::/20")))

# Where IPv4 addresses stand in IPv6 ones: the network, and how far from the end they stand.
_EMBEDDED = (
    (IPv6Network("::/96"), 0),
    (IPv6Network("::ffff:0:0/96"), 0),
    (IPv6Network("::ffff:0:0:0/96"), 0),
    (IPv6Network("64:ff9b::/96"), 0),
    (IPv6Network("2002::/16"), 80),
)
_TEREDO = IPv6Network("2001::/32")


def is_public(address: Address) -> bool:
    """Whether an address is that of a single host which can be reached from anywhere.

    An IPv6 address that carries IPv4 ones (mapped, compatible, translated, NAT64, 6to4, Teredo) is as
    public as all that it carries.

    >>> is_public(IPv6Address("64:ff9b::a9fe:a9fe"))
    False
    """
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast and not any(address in each for each in _RESERVED_4)
    carried = list(_carried(address))
    if carried:
        return all(map(is_public, carried))
    return address.is_global and address in _UNICAST_6 and not any(address in each for each in _RESERVED_6)


def _carried(address: IPv6Address) -> Iterator[IPv4Address]:
    for network, shift in _EMBEDDED:
        if address in network:
            yield IPv4Address(int(address) >> shift & 0xFFFFFFFF)
    if address in _TEREDO:
        yield IPv4Address(int(address) >> 64 & 0xFFFFFFFF)
        yield IPv4Address(~int(address) & 0xFFFFFFFF)
