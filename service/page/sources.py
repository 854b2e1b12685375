"""Sources of content-security policies: what one of them covers. Pure. Where it is in doubt, it says that something is not covered."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_HOST = re.compile(
    r"(?:(?P<scheme>[a-z][a-z0-9+.-]*)://)?(?P<host>\*|(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])"
    r"(?::(?P<port>[0-9]{1,5}|\*))?(?P<path>/[^\s]*)?"
)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:")
_PORTS = {"http": "80", "https": "443", "ws": "80", "wss": "443"}
#: A source that is covered by another scheme too: what a browser may upgrade to (CSP Level 3, section 6.7.2.8).
_UPGRADES = {"http": {"http", "https"}, "ws": {"ws", "wss", "http", "https"}, "wss": {"wss", "https"}}


def covers(allowed: str, given: str, *, page: str) -> bool:
    """Whether everything that `given` lets in is let in by `allowed` too. `page` is the origin of the page that sends the policy."""
    allowed, given = _lower(allowed), _lower(given)
    if allowed == given:
        return True
    if allowed.startswith("'nonce-"):
        # a hash lets in one text only, which is less than a nonce
        return given.startswith(("'nonce-", "'sha256-", "'sha384-", "'sha512-"))
    if allowed == "'self'":
        return not given.startswith("'") and _host_covers(page, given, page)
    if given == "'self'":
        return not allowed.startswith("'") and _covers_host_or_scheme(allowed, page, page)
    if allowed.startswith("'") or given.startswith("'"):
        return False
    return _covers_host_or_scheme(allowed, given, page)


def lets_in(allowed: str, url: str) -> bool:
    """Whether a host of the table stands for the address. Neither a keyword nor a bare scheme does: they name nobody."""
    allowed = _lower(allowed)
    if allowed.startswith("'") or _SCHEME.fullmatch(allowed):
        return False
    origin = origin_of(url)
    return bool(origin) and _host_covers(allowed, origin, origin)


def origin_of(url: str) -> str:
    """Scheme, host and port of an address, as browsers write an origin; empty for what has none."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not host:
        return ""
    shown = f"[{host}]" if ":" in host else host
    usual = port is None or str(port) == _PORTS[parts.scheme]
    return f"{parts.scheme}://{shown}" + ("" if usual else f":{port}")


def _lower(source: str) -> str:
    """Hosts and keywords are the same in any case; nonces and hashes are not."""
    return source if source.startswith(("'nonce-", "'sha")) else source.lower()


def _covers_host_or_scheme(allowed: str, given: str, page: str) -> bool:
    if given == "*":  # any host by any scheme of a network
        return False
    if _SCHEME.fullmatch(allowed):
        scheme = given[:-1] if _SCHEME.fullmatch(given) else _scheme_of(given, page)
        return scheme in _UPGRADES.get(allowed[:-1], {allowed[:-1]})
    return not _SCHEME.fullmatch(given) and _host_covers(allowed, given, page)


def _host_covers(allowed: str, given: str, page: str) -> bool:
    one, other = _HOST.fullmatch(allowed), _HOST.fullmatch(given)
    if one is None or other is None:
        return False
    schemes = _scheme_of(allowed, page), _scheme_of(given, page)
    if schemes[1] not in _UPGRADES.get(schemes[0], {schemes[0]}):
        return False
    if _port(one, schemes[0]) not in {"*", _port(other, schemes[1])} and not _upgraded(one, other, schemes):
        return False
    path = one["path"] or "/"
    return _name_covers(one["host"], other["host"]) and (path == "/" or path == other["path"])


def _upgraded(one: re.Match[str], other: re.Match[str], schemes: tuple[str, str]) -> bool:
    """Plain http on its usual port stands for https on its usual port too."""
    return schemes[0] != schemes[1] and not one["port"] and _port(other, schemes[1]) == _PORTS.get(schemes[1])


def _name_covers(allowed: str, given: str) -> bool:
    if allowed == "*":
        return True
    if allowed.startswith("*."):
        return given.endswith(allowed[1:]) and given != "*"
    return allowed == given


def _scheme_of(source: str, page: str) -> str:
    found = _HOST.fullmatch(source)
    return (found["scheme"] if found and found["scheme"] else "") or page.partition(":")[0]


def _port(found: re.Match[str], scheme: str) -> str:
    return found["port"] or _PORTS.get(scheme, "")
