"""Takes from BlueSnap's 2xx answers the few values we keep, each by its exact format. Must never keep, log or raise anything else of them."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Any, NoReturn
from urllib.parse import urlsplit

from service.bluesnap.causes import Cause
from service.bluesnap.json_text import parse_json
from service.bluesnap.payloads import STATUSES, UNRECOGNISED, Charge, Plan, Shopper, Subscription
from service.bluesnap.transport import Answer
from service.errors import Unknown

_ID = re.compile(r"[1-9][0-9]{0,11}")  # what our database takes: no card number has fewer than 13 digits
_MERCHANT_ID = re.compile(r"[A-Za-z0-9_-]{1,50}")
_FIELDS_TOKEN = re.compile(r"[!-~]{1,2048}")
_AMOUNT = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,3})?")
_WORDS = re.compile(r"[A-Z0-9][A-Z0-9 _]{0,39}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DATES = (
    re.compile(r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"),
    re.compile(r"(?P<month>[0-9]{2})/(?P<day>[0-9]{2})/(?P<year>[0-9]{4})"),
    re.compile(r"(?P<day>[0-9]{1,2})-(?P<month>[A-Za-z]{3})-(?P<year>[0-9]{2})"),
)


def read_fields_token(answer: Answer) -> str:
    """The payment-fields token: the last segment of Location, whatever its form (bluesnap/variants.md section 2). Raises Unknown."""
    token = _last_segment(answer.location)
    return token if _FIELDS_TOKEN.fullmatch(token) else _unreadable(answer)


def read_shopper(answer: Answer) -> Shopper:
    """The shopper; the id from the body, else from Location or Content-Location (bluesnap/variants.md section 1). Raises Unknown."""
    document = _object(parse_json(answer.body))
    headers = (_last_segment(answer.location), _last_segment(answer.content_location))
    shopper_id = next(filter(None, map(_id, (document.get("vaultedShopperId"), *headers))), None)
    if shopper_id is None:
        _unreadable(answer)
    ours = document.get("merchantShopperId")
    return Shopper(shopper_id, ours if isinstance(ours, str) and _MERCHANT_ID.fullmatch(ours) else None)


def read_subscription(answer: Answer) -> Subscription:
    """One subscription. Raises Unknown if the answer shows no id."""
    return _subscription(parse_json(answer.body)) or _unreadable(answer)


def read_plan(answer: Answer) -> Plan:
    """One plan. Raises Unknown if the answer shows no id."""
    document = _object(parse_json(answer.body))
    plan_id = _id(document.get("planId"))
    if plan_id is None:
        _unreadable(answer)
    frequency = _text(document.get("chargeFrequency"), _WORDS)
    return Plan(
        plan_id=plan_id,
        status=_text(document.get("status"), _WORDS) or UNRECOGNISED,
        # some enumerations show underscores (bluesnap/api.md section 9)
        frequency=frequency and frequency.replace("_", " "),
        currency=_text(document.get("currency"), _CURRENCY),
        amount=_amount(document.get("recurringChargeAmount")),
        trial_days=_count(document.get("trialPeriodDays")),
        initial_amount=_amount(document.get("initialChargeAmount")),
        grace_days=_count(document.get("gracePeriodDays")),
        charge_on_switch=_flag(document.get("chargeOnPlanSwitch")),
    )


def read_subscriptions(answer: Answer) -> tuple[list[Subscription], bool | None]:
    """One page of subscriptions, and whether it is the last, if it says. Raises Unknown if only one of them cannot be read."""
    items, last = _page(answer, "subscriptions")
    return [_subscription(item) or _unreadable(answer) for item in items], last


def read_charges(answer: Answer) -> tuple[list[Charge], bool | None]:
    """One page of charges, and whether it is the last, if it says.

    Raises Unknown if only one of them cannot be read: a charge must not be overlooked.
    """
    items, last = _page(answer, "charges")
    return [_charge(item) or _unreadable(answer) for item in items], last


def _page(answer: Answer, name: str) -> tuple[list[Any], bool | None]:
    document = _object(parse_json(answer.body))
    items, last = document.get(name), _flag(document.get("lastPage"))
    # An empty list may be left out, as empty lists are elsewhere, but only where the answer is a page at all.
    if items is None and last:
        items = []
    return (items, last) if isinstance(items, list) else _unreadable(answer)


def _subscription(document: Any) -> Subscription | None:
    found = _object(document)
    subscription_id = _id(found.get("subscriptionId"))
    if subscription_id is None:
        return None
    status = _text(found.get("status"), _WORDS)
    overridden = _amount(found.get("overrideRecurringChargeAmount"))
    return Subscription(
        subscription_id=subscription_id,
        plan_id=_id(found.get("planId")),
        shopper_id=_id(found.get("vaultedShopperId")),
        status=status if status in STATUSES else UNRECOGNISED,
        quantity=_count(found.get("quantity")),
        amount=_amount(found.get("recurringChargeAmount")) if overridden is None else overridden,
        currency=_text(found.get("currency"), _CURRENCY),
        auto_renew=_flag(found.get("autoRenew")),
        next_charge_date=_date(found.get("nextChargeDate")),
        charge=_charge(found.get("charge")),
    )


def _charge(document: Any) -> Charge | None:
    found = _object(document)
    transaction_id = _id(found.get("transactionId"))
    amount, currency = _amount(found.get("amount")), _text(found.get("currency"), _CURRENCY)
    if transaction_id is None or amount is None or currency is None:
        return None
    return Charge(_id(found.get("chargeId")), transaction_id, amount, currency)


def _unreadable(answer: Answer) -> NoReturn:
    raise Unknown(Cause.UNREADABLE_ANSWER, status=answer.status)


def _object(document: Any) -> dict[str, Any]:
    return document if isinstance(document, dict) else {}


def _last_segment(url: str) -> str:
    try:
        return urlsplit(url).path.rpartition("/")[2]
    except ValueError:
        return ""


def _id(value: object) -> str | None:
    """A number or text (bluesnap/variants.md section 4); never a float, which has lost digits."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return text if _ID.fullmatch(text) else None


def _amount(value: object) -> Decimal | None:
    """A number of any scale, or text (bluesnap/variants.md section 5)."""
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        number = Decimal(value)
        return number if -(10**9) < number < 10**9 and number == round(number, 3) else None
    return Decimal(value) if isinstance(value, str) and _AMOUNT.fullmatch(value) else None


def _text(value: object, form: re.Pattern[str]) -> str | None:
    """A word, whatever its case (bluesnap/variants.md section 7)."""
    text = value.strip().upper() if isinstance(value, str) else ""
    return text if form.fullmatch(text) else None


def _count(value: object) -> int | None:
    number = int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,6}", value) else value
    return number if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 10**6 else None


def _flag(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"true": True, "y": True, "false": False, "n": False}.get(value.lower()) if isinstance(value, str) else None


def _date(value: object) -> date | None:
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
