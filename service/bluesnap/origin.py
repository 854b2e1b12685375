"""Where the way out may lead, and what every request carries. Must never let plain HTTP beyond loopback, nor name a credential in an error."""

from __future__ import annotations

import base64
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


def usual_headers(user: str, password: str) -> dict[str, str]:
    """What every request carries.

    The version is always sent, since without it the account's default decides the shape of answers; 3.0 is what the newest pages
    describe and equals 2.0 for cards (bluesnap/api.md section 2). JSON is asked for always: without it errors come as XML.
    """
    text = user + password
    if not user or ":" in user or not password or not text.isascii() or not text.isprintable():
        raise ValueError("the BlueSnap user and password must be printable ASCII, the user without a colon")
    return {
        "Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode(),
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "Content-Type": "application/json",
        "User-Agent": "panless",
        "bluesnap-version": "3.0",
    }
