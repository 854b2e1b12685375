"""The signature of a notice, and the time it was signed. Must never say why a signature is wrong, nor look at the notice itself."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo

_SIGNATURE = re.compile(r"[0-9a-fA-F]{64}")
_TIMESTAMP = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,6}))?")


def sign(key: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 over the header text of the timestamp and the raw body, in lower-case hex (bluesnap/webhooks.md section 2.1)."""
    return hmac.new(key.encode(), timestamp.encode() + body, hashlib.sha256).hexdigest()


def verify(keys: Sequence[str], timestamp: str | None, signature: str | None, body: bytes) -> bool:
    """Whether any of the keys signed this body at this time.

    Takes the same time whichever key fits, and never raises, whatever the headers hold. Blank keys count as none: with an
    empty key anybody can sign. White space around the header values is not part of them; hex of either case is accepted.
    """
    stamp = (timestamp or "").strip()
    claimed = (signature or "").strip()
    if not stamp or not stamp.isascii() or not _SIGNATURE.fullmatch(claimed):
        return False
    given = claimed.lower()
    fits = False
    for key in keys:
        fits |= bool(key.strip()) and hmac.compare_digest(sign(key, stamp, body), given)
    return fits


def parse_timestamp(text: str, zone: tzinfo) -> datetime | None:
    """`YYYY-MM-DD HH:MM:SS[.mmm]` in the given zone, as UTC; None for anything else.

    Which zone BlueSnap means is not documented (bluesnap/webhooks.md section 2.1), so the caller says.
    """
    found = _TIMESTAMP.fullmatch(text.strip())
    if found is None:
        return None
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    fraction = int((found[7] or "").ljust(6, "0"))
    try:
        return datetime(year, month, day, hour, minute, second, fraction, tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
