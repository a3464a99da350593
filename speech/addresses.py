"""Tell hosts on the public internet from all other addresses, including IPv4 addresses embedded in IPv6 ones."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

__all__ = ["Address", "is_public"]

Address = IPv4Address | IPv6Address

# Addresses that `is_global` accepts but a client may not name: protocol assignments, 6to4 relays, and Azure's host
# agent, which has a public address that answers only from inside Azure.
_RESERVED_4 = tuple(map(IPv4Network, ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32")))
# All unicast space allocated so far, except the blocks reserved for protocols, documentation, and the 6bone.
_UNICAST_6 = IPv6Network("2000::/3")
_RESERVED_6 = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "3ffe::/16", "3fff::/20")))

# Where IPv6 addresses embed an IPv4 one: the network, and the number of bits after the embedded address.
_EMBEDDED = (
    (IPv6Network("::/96"), 0),
    (IPv6Network("::ffff:0:0/96"), 0),
    (IPv6Network("::ffff:0:0:0/96"), 0),
    (IPv6Network("64:ff9b::/96"), 0),
    (IPv6Network("2002::/16"), 80),
)
_TEREDO = IPv6Network("2001::/32")


def is_public(address: Address) -> bool:
    """Check whether an address belongs to a single host that can be reached from anywhere.

    An IPv6 address that embeds IPv4 addresses (mapped, compatible, translated, NAT64, 6to4, Teredo) is
    public only if all of the embedded addresses are.

    >>> is_public(IPv6Address("64:ff9b::a9fe:a9fe"))
    False
    """
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast and not any(address in each for each in _RESERVED_4)
    embedded = list(_embedded(address))
    if embedded:
        return all(map(is_public, embedded))
    return address.is_global and address in _UNICAST_6 and not any(address in each for each in _RESERVED_6)


def _embedded(address: IPv6Address) -> Iterator[IPv4Address]:
    for network, shift in _EMBEDDED:
        if address in network:
            yield IPv4Address(int(address) >> shift & 0xFFFFFFFF)
    if address in _TEREDO:
        yield IPv4Address(int(address) >> 64 & 0xFFFFFFFF)
        yield IPv4Address(~int(address) & 0xFFFFFFFF)
