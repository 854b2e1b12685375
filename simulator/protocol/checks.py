"""Reading values out of requests: texts, ids, amounts. A value that is refused is never repeated in the answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from simulator.answers import Refused, invalid, refusal

# Longest values (bluesnap/api.md sections 4 and 7); others are cut off at a hundred.
_LENGTHS = {"zip": 20, "merchantShopperId": 50, "companyName": 100, "softDescriptor": 20, "descriptorPhoneNumber": 20}
_NO_DECIMALS = {"JPY", "KRW", "CLP", "VND", "XOF"}
_THREE_DECIMALS = {"BHD", "JOD", "KWD", "OMR", "TND"}


def text(body: Mapping[str, Any], name: str) -> str:
    """A text field, "" when it is absent; raises Refused for another type, for too long and for what looks like markup."""
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _LENGTHS.get(name, 100):
        raise Refused(invalid(name, "Field validation failed."))
    if "<" in value:
        raise Refused(refusal("11001", "XSS_EXCEPTION", "The request holds content that is not allowed."))
    return value


def mapping(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An object field, {} when it is absent; raises Refused for another type."""
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Refused(invalid(name, "Field validation failed."))
    return value


def identifier(value: object) -> int:
    """An id sent as a number or as digits; 0 for everything else, which no thing has."""
    if isinstance(value, bool):
        return 0
    return int(str(value)) if re.fullmatch(r"[0-9]{1,15}", str(value)) else 0


def whole(body: Mapping[str, Any], name: str, code: str, error_name: str) -> int | None:
    """A whole number of zero or more, None when absent; raises Refused with the given code."""
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,6}", str(value)):
        raise Refused(refusal(code, error_name, "The value is not valid."))
    return int(str(value))


def boolean(body: Mapping[str, Any], name: str) -> bool | None:
    """A JSON boolean, None when absent; raises Refused."""
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise Refused(invalid(name, "Field validation failed."))
    return value


def amount(value: object, currency: str, error: Refused) -> Decimal:
    """An amount sent as a number or as a text; raises `error`, or 14021 for too many decimals."""
    try:
        if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
            raise error
        read = Decimal(value)
    except InvalidOperation:
        raise error from None
    if not read.is_finite() or read < 0 or read >= Decimal(10) ** 9:
        raise error
    decimals = 0 if currency in _NO_DECIMALS else 3 if currency in _THREE_DECIMALS else 2
    if read != round(read, decimals):
        description = "The amount has more fraction digits than the currency allows."
        raise Refused(refusal("14021", "AMOUNT_EXCEEDED_MAXIMUM_ALLOWED_FRACTION_DIGITS", description))
    return round(read, decimals)


def page(query: Mapping[str, str], ids: list[int]) -> tuple[list[int], dict[str, Any]]:
    """The ids of one page, newest first, and what the answer says about it (bluesnap/api.md section 10, Subscriptions)."""
    size_text = query.get("pagesize", "10")
    if not re.fullmatch(r"-?[0-9]{1,6}", size_text) or int(size_text) < 1:
        raise Refused(refusal("26001", "NEGATIVE_PAGE_SIZE", "Page size must be positive."))
    size = int(size_text)
    if size > 500:
        raise Refused(refusal("26002", "MAX_PAGE_SIZE_EXCEEDED", "Page size must not exceed 500."))
    if "after" in query and "before" in query:
        raise Refused(refusal("26003", "INVALID_PAGINATION_PARAMETERS", "before and after cannot be combined."))
    ordered = sorted(ids, reverse=True)
    if "after" in query:
        rest = [one for one in ordered if one < identifier(query["after"])]
        shown = rest[:size]
        last_page = len(rest) <= size
    elif "before" in query:
        rest = [one for one in ordered if one > identifier(query["before"])]
        shown = rest[-size:]
        last_page = not ordered or shown[-1:] == ordered[-1:]
    else:
        shown, last_page = ordered[:size], len(ordered) <= size
    facts: dict[str, Any] = {"lastPage": last_page}
    if query.get("gettotal") == "true":
        facts["totalResults"] = len(ordered)
    return shown, facts
