"""Reads one value out of an answer by its exact format. Must never raise, and never let through what does not have its form."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

_ID = re.compile(r"[1-9][0-9]{0,11}")  # what our database takes: no card number has fewer than 13 digits
_AMOUNT = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,3})?")
_HTTP_DATE = re.compile(
    r"[A-Z][a-z]{2}, (?P<day>[0-9]{2}) (?P<month>[A-Z][a-z]{2}) (?P<year>[0-9]{4}) "
    r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2}) GMT"
)
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DATES = (
    re.compile(r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"),
    re.compile(r"(?P<month>[0-9]{2})/(?P<day>[0-9]{2})/(?P<year>[0-9]{4})"),
    re.compile(r"(?P<day>[0-9]{1,2})-(?P<month>[A-Za-z]{3})-(?P<year>[0-9]{2})"),
)

#: Forms of words, for `word_of`.
WORDS = re.compile(r"[A-Z0-9][A-Z0-9 _]{0,39}")
CURRENCY = re.compile(r"[A-Z]{3}")


def object_of(document: Any) -> dict[str, Any]:
    """The document if it is a JSON object, else an empty one."""
    return document if isinstance(document, dict) else {}


def items_of(document: Any) -> list[Any]:
    """The items of a list. One item alone may stand for itself (bluesnap/variants.md section 8), and none be anything else."""
    if isinstance(document, list):
        return document
    return [document] if isinstance(document, dict) and document else []


def last_segment(url: str) -> str:
    """The last part of a URL's path, "" if there is none."""
    try:
        return urlsplit(url).path.rpartition("/")[2]
    except ValueError:
        return ""


def id_of(value: object) -> str | None:
    """A number or text (bluesnap/variants.md section 4); never a float, which has lost digits."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return text if _ID.fullmatch(text) else None


def amount_of(value: object) -> Decimal | None:
    """A number of any scale, or text (bluesnap/variants.md section 5)."""
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        number = Decimal(value)
        return number if -(10**9) < number < 10**9 and number == round(number, 3) else None
    return Decimal(value) if isinstance(value, str) and _AMOUNT.fullmatch(value) else None


def word_of(value: object, form: re.Pattern[str]) -> str | None:
    """A word, whatever its case (bluesnap/variants.md section 7)."""
    text = value.strip().upper() if isinstance(value, str) else ""
    return text if form.fullmatch(text) else None


def count_of(value: object) -> int | None:
    """A whole number below a million; text or number."""
    number = int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,6}", value) else value
    return number if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 10**6 else None


def flag_of(value: object) -> bool | None:
    """`true`, `"true"`, `"Y"` (bluesnap/variants.md section 7)."""
    if isinstance(value, bool):
        return value
    return {"true": True, "y": True, "false": False, "n": False}.get(value.lower()) if isinstance(value, str) else None


def day_of(value: object) -> date | None:
    """All three forms seen (bluesnap/api.md section 6). A day without a zone: it is BlueSnap's."""
    found = next(filter(None, (form.fullmatch(value) for form in _DATES)), None) if isinstance(value, str) else None
    if found is None:
        return None
    year, month = int(found["year"]), found["month"].upper()
    try:
        number = int(month) if month.isdigit() else _MONTHS.index(month) + 1
        return date(year + 2000 if year < 100 else year, number, int(found["day"]))
    except ValueError:
        return None


def moment_of(value: str) -> datetime | None:
    """The text of a Date header, `Tue, 15 Nov 1994 08:12:31 GMT` (RFC 9110 section 5.6.7, the form that is sent today)."""
    found = _HTTP_DATE.fullmatch(value.strip())
    if found is None or found["month"].upper() not in _MONTHS:
        return None
    hour, minute, second = (int(found[part]) for part in ("hour", "minute", "second"))
    try:
        month = _MONTHS.index(found["month"].upper()) + 1
        return datetime(
            int(found["year"]), month, int(found["day"]), hour, minute, 59 if second == 60 else second, tzinfo=UTC
        )
    except ValueError:
        return None
