"""What can be reached from anywhere, and what only looks like it."""

from ipaddress import ip_address

import pytest

from speech.addresses import is_public


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "8.8.8.8", "93.184.216.34", "192.1.0.1", "2606:4700:4700::1111", "2a00:1450:4001:80b::200e",
     "::ffff:8.8.8.8", "64:ff9b::808:808"],
)  # fmt: skip
def test_hosts_of_the_internet_are_public(address):
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.8.8.8", "169.254.169.254", "172.16.0.1",
     "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1",
     "168.63.129.16", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"],
)  # fmt: skip
def test_what_is_not_a_host_of_the_internet_is_not_public(address):
    assert not is_public(ip_address(address))
    octets = bytes(map(int, address.split(".")))
    pairs = f"{octets[0]:x}{octets[1]:02x}:{octets[2]:x}{octets[3]:02x}"
    flipped = "{:x}{:02x}:{:x}{:02x}".format(*(octet ^ 0xFF for octet in octets))
    carriers = (
        f"::{pairs}", f"::ffff:{pairs}", f"::ffff:0:{pairs}", f"64:ff9b::{pairs}", f"2002:{pairs}::1",
        f"2001:0:{pairs}::{0x0808 ^ 0xFFFF:x}:{0x0808 ^ 0xFFFF:x}", f"2001:0:808:808::{flipped}",
    )  # fmt: skip
    for carrier in carriers:
        assert not is_public(ip_address(carrier)), carrier


@pytest.mark.parametrize(
    "address",
    ["::", "::1", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "ff0e::1", "100::1", "2001:2::1",
     "2001:10::1", "2001:20::1", "2001:db8::1", "3ffe::1", "3fff::1", "5f00::1", "4000::1", "64:ff9b:1::808:808"],
)  # fmt: skip
def test_no_other_part_of_ipv6_is_public(address):
    assert not is_public(ip_address(address))
