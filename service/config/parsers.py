"""How the text of a setting becomes a value. Each raises ValueError with a constant text, never with what it was given."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
import zoneinfo
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
MIN_WEBHOOK_KEY = 16
#: A name or an IPv4 address, of labels as DNS has them, or an IPv6 address without a zone.
HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*|[0-9a-f:.]*:[0-9a-f:.]*", re.ASCII)

#: A bucket, and what is below it.
STORE = re.compile(r"[a-z0-9][a-z0-9._-]{2,62}(/[A-Za-z0-9._-]+)*/?", re.ASCII)
MAILBOX = re.compile(r"[A-Za-z0-9._+-]{1,64}", re.ASCII)


def text(value: str) -> str:
    """Any text but blanks."""
    if not value.strip():
        raise ValueError("is empty")
    return value.strip()


def user(value: str) -> str:
    """A user of HTTP Basic authentication (RFC 7617): printable ASCII without a colon."""
    given = text(value)
    if ":" in given or not given.isascii() or not given.isprintable():
        raise ValueError("is not printable ASCII without a colon")
    return given


def origin(value: str) -> str:
    """Scheme, host and port; plain http on loopback only."""
    wrong = "is not an origin such as https://example.test"
    try:
        parts = urlsplit(value.strip())
        more = parts.username is not None or parts.path.strip("/") or parts.query or parts.fragment or parts.port == 0
    except ValueError:  # its text quotes the address
        raise ValueError(wrong) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or more:
        raise ValueError(wrong)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ValueError("must use https outside loopback")
    return f"{parts.scheme}://{parts.netloc}"


def address(value: str) -> str:
    """An https address to send to, with no user in it and no fragment; plain http on loopback only."""
    given = value.strip()
    wrong = "is not an address such as https://example.test/path"
    try:
        parts = urlsplit(given)
        more = parts.username is not None or "#" in given or parts.port == 0
    except ValueError:  # its text quotes the address
        raise ValueError(wrong) from None
    host = parts.hostname or ""
    plain = given.isascii() and given.isprintable() and " " not in given and "\\" not in given
    if parts.scheme not in {"http", "https"} or not HOST.fullmatch(host) or more or not plain:
        raise ValueError(wrong)
    if parts.scheme == "http" and host not in LOOPBACK:
        raise ValueError("must use https outside loopback")
    return parts.scheme + given[len(parts.scheme) :]


def archive(value: str) -> str:
    """The path of a folder, or the address of a place in an object store, with no user in it: how to sign in is known to the store's own package."""
    given = text(value)
    scheme, mark, rest = given.partition("://")
    if not mark:
        return given
    if scheme not in {"s3", "gs"} or not STORE.fullmatch(rest):
        raise ValueError("is neither a folder nor an address such as s3://bucket/folder or gs://bucket/folder")
    return given.rstrip("/")


def issuer(value: str) -> str:
    """An address without a query, as OpenID Connect Discovery 1.0 wants it (section 3)."""
    given = address(value)
    if "?" in given:
        raise ValueError("is not an address such as https://example.test/path")
    return given


def list_(parse: Callable[[str], Any]) -> Callable[[str], tuple[Any, ...]]:
    """Several of them, separated by commas."""
    return lambda value: tuple(parse(item) for item in value.split(",") if item.strip())


def integer(low: int, high: int) -> Callable[[str], int]:
    """A whole number within bounds, both included."""

    def parse(value: str) -> int:
        if not value.isascii() or not value.isdigit() or not low <= int(value) <= high:
            raise ValueError(f"is not a whole number from {low} to {high}")
        return int(value)

    return parse


def boolean(value: str) -> bool:
    """The word true or the word false."""
    if value not in {"true", "false"}:
        raise ValueError("is neither true nor false")
    return value == "true"


def zone(value: str) -> zoneinfo.ZoneInfo:
    """A name of the IANA time zone database."""
    try:
        return zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder of zones
        raise ValueError("is not the name of a time zone") from None


def key(value: str) -> tuple[str, bytes]:
    """`keyid:base64`, 32 bytes."""
    key_id, _, text = value.strip().partition(":")
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("is not a list of keyid:base64") from None
    if not key_id.isascii() or not key_id.isalpha() or not 1 <= len(key_id) <= 8 or len(key) != 32:
        raise ValueError("needs ids of 1 to 8 letters and keys of 32 bytes")
    return key_id, key


def checkpoint_key(value: str) -> tuple[str, bytes]:
    """As `key`, with an id of small letters: it stands in the database as a word."""
    key_id, found = key(value)
    if not key_id.isascii() or not key_id.islower():
        raise ValueError("needs ids of small letters")
    return key_id, found


def webhook_key(value: str) -> str:
    """A signing key that is not trivially short."""
    if len(value.strip()) < MIN_WEBHOOK_KEY:
        raise ValueError(f"holds a key shorter than {MIN_WEBHOOK_KEY} characters")
    return value.strip()


def events_secret(value: str) -> bytes:
    """`whsec_` and base64 of 24 to 64 bytes (Standard Webhooks, symmetric keys)."""
    prefix, _, text = value.strip().partition("_")
    try:
        secret = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("is not a list of whsec_ and base64") from None
    if prefix != "whsec" or not 24 <= len(secret) <= 64:
        raise ValueError("needs whsec_ and base64 of 24 to 64 bytes")
    return secret


def bind(value: str) -> tuple[str, int]:
    """host:port"""
    host, _, port = value.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError("is not host:port")
    return host, int(port)


def network(value: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """An IPv4 or IPv6 network."""
    try:
        return ipaddress.ip_network(value.strip())
    except ValueError:  # its text quotes the network
        raise ValueError("is not a list of networks such as 10.0.0.0/8") from None


def contact(value: str) -> str:
    """A way to reach people, as security.txt names it (RFC 9116 section 2.5.3): an e-mail address or an https address."""
    given = value.strip()
    if not given.startswith("mailto:"):
        try:
            told = address(given)
        except ValueError:
            told = ""
        if not told.startswith("https:"):
            raise ValueError("is not a list of mailto:security@example.com or https://example.com/report")
        return told
    name, at, host = given.removeprefix("mailto:").rpartition("@")
    if not at or not MAILBOX.fullmatch(name) or not HOST.fullmatch(host):
        raise ValueError("is not a list of mailto:security@example.com or https://example.com/report")
    return given


def choice(*words: str) -> Callable[[str], str]:
    """One of these words."""

    def parse(value: str) -> str:
        if value not in words:
            raise ValueError("is none of " + ", ".join(words))
        return value

    return parse
