"""Where the way out may lead, and what every request carries. Must never let plain HTTP beyond loopback."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def checked_origin(base_url: str) -> str:
    """`https://host[:port]`, or http for a loopback host; the port is named only where it is not the scheme's own."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    plain = parts.scheme == "http" and _is_loopback(host)
    if not host or not (plain or parts.scheme == "https"):
        raise ValueError("the address of BlueSnap must be https://, or http:// on a loopback host")
    if parts.username is not None or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError("the address of BlueSnap must be a scheme, a host and a port, and nothing else")
    netloc = f"[{host}]" if ":" in host else host
    usual = 443 if parts.scheme == "https" else 80
    return f"{parts.scheme}://{netloc}" if parts.port in {None, usual} else f"{parts.scheme}://{netloc}:{parts.port}"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


#: What every request carries beside its credentials. The version is always sent, since without it the account's default decides the shape of answers;
#: 3.0 is what the newest pages describe and equals 2.0 for cards (bluesnap/api.md section 2). JSON is asked for always: without it errors come as XML.
USUAL_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "Content-Type": "application/json",
    "User-Agent": "panless",
    "bluesnap-version": "3.0",
}
