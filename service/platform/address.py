"""Where the platform may be told: an https address whose host is public. Must never let a name lead into our own network.

Without this whoever may set the address, or the records of its host's name, could have our worker call what only we can reach
(OWASP, "Server-Side Request Forgery Prevention").
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from service.config import parsers

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]
#: Global unicast, the only part of IPv6 that is given out (IANA, "IPv6 Global Unicast Address Assignments"). Outside it are, besides
#: the local ranges, the addresses that hold an IPv4 address: mapped, compatible, and NAT64 (RFC 6052).
_UNICAST = ipaddress.IPv6Network("2000::/3")
#: Inside it: protocol assignments with Teredo (RFC 4380), 6to4 (RFC 3056), documentation (RFC 3849, RFC 9637).
_NOT_PUBLIC = tuple(ipaddress.IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
#: Protocol assignments (RFC 6890) and relays of 6to4 (RFC 7526), some of which `ipaddress` takes for global.
_SPECIAL = tuple(ipaddress.IPv4Network(text) for text in ("192.0.0.0/24", "192.88.99.0/24"))


@dataclass(frozen=True)
class Target:
    """Scheme, host, port and the rest of the address."""

    scheme: str
    host: str
    port: int
    path: str


class AddressRefusedError(Exception):
    """The host's name leads to an address that is not public. Holds nothing of it."""


def target_of(url: str, *, loopback: bool) -> Target:
    """The parts of an address. Plain http is for `loopback` only, which is for the simulator only. Raises ValueError with a constant text."""
    parts = urlsplit(parsers.address(url))
    if parts.scheme != "https" and not loopback:
        raise ValueError("must use https")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80), path)


def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a host, each once, in the order of preference. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(item[4][0]) for item in found))


def checked_addresses(target: Target, look_up: Resolve, *, loopback: bool) -> Sequence[str]:
    """The addresses to connect to, asked for once: whoever connects must use these and not the name, which may mean others by then.

    One address that is not public spoils them all. Raises AddressRefusedError; OSError if there is none.
    """
    found = look_up(target.host, target.port)
    if not all(_allowed(target, ipaddress.ip_address(item), loopback=loopback) for item in found):
        raise AddressRefusedError
    return found


def _allowed(target: Target, address: IPAddress, *, loopback: bool) -> bool:
    if loopback and address.is_loopback:
        return True
    return target.scheme == "https" and is_public(address)


def is_public(address: IPAddress) -> bool:
    """Whether an address belongs to one machine somewhere in the internet, whatever it is written as."""
    if isinstance(address, ipaddress.IPv6Address):
        return address in _UNICAST and not any(address in network for network in _NOT_PUBLIC)
    special = address.is_multicast or address.is_reserved or any(address in network for network in _SPECIAL)
    return address.is_global and not special
