"""Where events may go: to public addresses over https and nowhere else, whatever a name leads to and however an address is written."""

from __future__ import annotations

import ipaddress

import pytest

from service.platform.address import AddressRefusedError, Target, checked_addresses, is_public, target_of

CANARY = "zqxcanary"
HTTPS = Target("https", "platform.example", 443, "/")
HTTP = Target("http", "localhost", 80, "/")
PUBLIC = ["8.8.8.8", "93.184.215.14", "2606:4700::1111", "2001:4860:4860::8888"]
NOT_PUBLIC = {
    "this network": "0.0.0.0",
    "private, ten": "10.1.2.3",
    "private, one seven two": "172.16.0.1",
    "private, end of it": "172.31.255.255",
    "private, one nine two": "192.168.1.1",
    "shared by carriers": "100.64.0.1",
    "loopback": "127.0.0.1",
    "loopback, another": "127.255.255.254",
    "link-local, where clouds keep credentials": "169.254.169.254",
    "protocol assignments": "192.0.0.8",
    "documentation": "192.0.2.1",
    "documentation, second": "198.51.100.1",
    "documentation, third": "203.0.113.1",
    "benchmarks": "198.18.0.1",
    "relay of 6to4": "192.88.99.1",
    "multicast": "224.0.0.1",
    "multicast, global": "232.1.1.1",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "unspecified, six": "::",
    "loopback, six": "::1",
    "mapped private": "::ffff:10.0.0.1",
    "mapped loopback": "::ffff:127.0.0.1",
    "mapped public": "::ffff:8.8.8.8",
    "compatible": "::7f00:1",
    "translated": "::ffff:0:10.0.0.1",
    "NAT64": "64:ff9b::a00:1",
    "NAT64, local": "64:ff9b:1::a00:1",
    "discard": "100::1",
    "Teredo": "2001:0:7f00:1::",
    "ORCHID": "2001:20::1",
    "documentation, six": "2001:db8::1",
    "documentation, six, new": "3fff::1",
    "6to4 of a private one": "2002:a00:1::",
    "segment routing": "5f00::1",
    "unique local": "fd00::1",
    "unique local, first half": "fc00::1",
    "link-local, six": "fe80::1",
    "link-local, six, with its zone": "fe80::1%eth0",
    "site-local": "fec0::1",
    "multicast, six": "ff02::1",
    "multicast, six, global": "ff0e::1",
}


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_taken(text):
    assert is_public(ipaddress.ip_address(text))
    assert checked_addresses(HTTPS, lambda *_: [text], loopback=False) == [text]


@pytest.mark.parametrize("text", NOT_PUBLIC.values(), ids=NOT_PUBLIC)
def test_address_that_is_not_public_is_refused(text):
    with pytest.raises(AddressRefusedError) as told:
        checked_addresses(HTTPS, lambda *_: [text], loopback=False)
    assert str(told.value) == ""


def test_one_address_that_is_not_public_spoils_them_all():
    with pytest.raises(AddressRefusedError):
        checked_addresses(HTTPS, lambda *_: ["8.8.8.8", "10.0.0.1"], loopback=False)


def test_loopback_is_taken_where_it_is_allowed_and_nothing_else_near():
    for target in (HTTP, HTTPS):
        assert checked_addresses(target, lambda *_: ["127.0.0.1", "::1"], loopback=True)
        with pytest.raises(AddressRefusedError):
            checked_addresses(target, lambda *_: ["127.0.0.1", "10.0.0.1"], loopback=True)


def test_plain_http_never_leaves_the_machine():
    with pytest.raises(AddressRefusedError):
        checked_addresses(HTTP, lambda *_: ["8.8.8.8"], loopback=True)


def test_name_is_looked_up_exactly_once():
    asked = []
    checked_addresses(HTTPS, lambda *given: asked.append(given) or ["8.8.8.8"], loopback=False)
    assert asked == [("platform.example", 443)]


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://platform.example", Target("https", "platform.example", 443, "/")),
        ("https://Platform.Example:8443/a/b?c=d", Target("https", "platform.example", 8443, "/a/b?c=d")),
        ("https://platform.example?c", Target("https", "platform.example", 443, "/?c")),
        ("https://[2606:4700::1111]/x", Target("https", "2606:4700::1111", 443, "/x")),
    ],
)
def test_address_is_taken_apart(url, target):
    assert target_of(url, loopback=False) == target


@pytest.mark.parametrize(
    "url",
    [
        f"ftp://{CANARY}.example/",
        f"//{CANARY}.example/",
        CANARY,
        "https://",
        f"https:///{CANARY}",
        f"https://{CANARY}@platform.example/",
        f"https://{CANARY}:secret@platform.example/",
        f"https://@{CANARY}.example/",
        f"https://platform.example/#{CANARY}",
        f"https://platform.example/{CANARY}#",
        f"https://platform.example:0/{CANARY}",
        f"https://platform.example:99999/{CANARY}",
        f"https://platform.example:x{CANARY}",
        f"https://{CANARY}.example./",
        f"https://{CANARY}..example/",
        f"https://-{CANARY}.example/",
        f"https://{CANARY}_a.example/",
        f"https://{CANARY}\u2100.example/",
        f"https://{CANARY}\u00e4.example/",
        f"https://platform.example/{CANARY} b",
        f"https://platform.example/{CANARY}\r\nX: y",
        f"https://platform.example\\@{CANARY}/",
        f"https://[fe80::1%25{CANARY}]/",
        "https://[::1",
        f"http://{CANARY}.example/",
    ],
)
def test_what_is_no_such_address_is_refused_and_never_repeated(url):
    for loopback in (True, False):
        with pytest.raises(ValueError, match=r"^(is not an address|must use https)") as told:
            target_of(url, loopback=loopback)
        assert CANARY not in str(told.value)
        assert told.value.__cause__ is None


def test_plain_http_is_for_the_simulator_only():
    assert target_of("http://localhost:8071/events", loopback=True).port == 8071
    with pytest.raises(ValueError, match=r"^must use https$"):
        target_of("http://localhost:8071/events", loopback=False)
