"""Reads the few fields of a notice that we use, each by its exact format. Must never raise, and never keep a field that is not on the list."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import unquote_to_bytes
from zoneinfo import ZoneInfo

from service.bluesnap.reasons import Reason, reason_of

OTHER = "OTHER"
# bluesnap/webhooks.md section 3
TYPES = frozenset({
    "CHARGE", "RECURRING", "AUTH_ONLY", "AUTH_ONLY_SINGLE_CHARGE", "CC_CHARGE_FAILED", "SUBSCRIPTION_CHARGE_FAILURE",
    "SUBSCRIPTION_REMINDER", "CANCELLATION", "CANCEL_ON_RENEWAL", "CONTRACT_CHANGE", "REFUND", "PENDING_REFUND",
    "CANCELLATION_REFUND", "CHARGEBACK", "CHARGEBACK_STATUS_CHANGED", "CHARGEBACK_FILE_UPLOADED", "RDR", "DECLINE",
    "FRAUD_DECLINE", "UNDER_REVIEW", "UNDER_VENDOR_REVIEW", "CHARGE_PENDING", "CC_STATUS_CHANGED", "PAYMENT_UPDATED",
    "PAYMENT_UPDATED_FAILURE", "ACCOUNT_UPDATER", "ACH_NOTIFICATION_OF_CHANGE", "VAULTED_SHOPPER", "SHOPPER_DELETED",
    "OFFLINE_ORDER", "PAYOUT", "FAILED_PAYOUT_TRANSFER", "VENDOR_STATUS_CHANGED", "VENDOR_REPORT_AVAILABLE",
    "MERCHANT_PARTNER_ONBOARDED", "MERCHANT_PARTNER_STATUS",
})  # fmt: skip
# what cbStatus can say (bluesnap/webhooks.md section 3), in capitals
DISPUTE_STATUSES = frozenset({"NEW", "WORKING", "CLOSED", "COMPLETED_WON", "COMPLETED_LOST", "COMPLETED_PENDING"})
# After these BlueSnap charges the subscription no more; no parameter says so. No notice says that it will again.
_ENDS_RENEWAL = frozenset({"CANCEL_ON_RENEWAL", "CANCELLATION", "CANCELLATION_REFUND"})
_PACIFIC = ZoneInfo("America/Los_Angeles")
_MOST_FIELDS = 400  # a real notice has up to 120
_TOO_LONG = "too long"
_LONGEST = 64  # bytes of a name or value on the list, decoded; none of them needs half of it
_LONGER = {
    "linkedsubscriptions": 700,
    **dict.fromkeys(("reversalreason", "cancelreason", "failurereason", "declinereason"), 1000),
}
_MOST_LINKED = 50

_DIGITS = re.compile(r"[0-9]{1,12}")
_AMOUNT = re.compile(r"-?([0-9]{1,9}|[0-9]{1,3}(,[0-9]{3}){1,2})(\.[0-9]{1,3})?")
_TIME = re.compile(r"([0-9]{2})/([0-9]{2})/([0-9]{4}) ([0-9]{2}):([0-9]{2}) ([AP])M")


@dataclass(frozen=True)
class Notice:
    """What we take from a notice; None for what it did not say.

    `type` is one of TYPES or OTHER. Ids are digits, at most 12. `amount` is what was charged, in major units of `currency`; negative
    in refunds, and so is `reversal_amount`. `provider_time` and `until` are UTC. `plan_id` is the plan that holds now, `new_plan_id`
    only what a switch names as new. `dispute_status` is one of DISPUTE_STATUSES. `auto_renew` is what the type alone implies. The
    reasons are words of ours; free text is never kept, and nothing must be decided by them. `complete` is false if a field on our list was dropped because it failed its
    format, contradicted itself or came too late in an overlong body: then the notice is only a hint.
    """

    type: str
    reference: str | None = None
    original_reference: str | None = None
    reversal_reference: str | None = None
    shopper_id: str | None = None
    subscription_id: str | None = None
    plan_id: str | None = None
    quantity: int | None = None
    amount: Decimal | None = None
    currency: str | None = None
    provider_time: datetime | None = None
    until: datetime | None = None
    test_mode: bool | None = None
    complete: bool = True
    new_plan_id: str | None = None
    capture_reference: str | None = None
    reversal_amount: Decimal | None = None
    dispute_status: str | None = None
    reversal_reason: Reason | None = None
    cancel_reason: Reason | None = None
    failure_reason: Reason | None = None
    linked_subscriptions: tuple[str, ...] = ()

    @property
    def auto_renew(self) -> bool | None:
        """False where the type says that no renewal follows, else None."""
        return False if self.type in _ENDS_RENEWAL else None


def _digits(text: str) -> str | None:
    return text if _DIGITS.fullmatch(text) else None


def _quantity(text: str) -> int | None:
    return int(text) if _DIGITS.fullmatch(text) and len(text) <= 6 else None


def _amount(text: str) -> Decimal | None:
    """`1,234.56`, `-37.50`, `34.00` (bluesnap/variants.md section 5)."""
    return Decimal(text.replace(",", "")) if _AMOUNT.fullmatch(text) else None


def _currency(text: str) -> str | None:
    return text.upper() if re.fullmatch(r"[A-Za-z]{3}", text) else None


def _flag(text: str) -> bool | None:
    return {"Y": True, "N": False}.get(text.upper())


def _type(text: str) -> str:
    return text.upper() if text.upper() in TYPES else OTHER


def _dispute(text: str) -> str | None:
    """`New`, `Completed_Won`, in any case (bluesnap/variants.md section 7)."""
    word = text.upper().replace(" ", "_")
    return word if word in DISPUTE_STATUSES else None


def _linked(text: str) -> tuple[str, ...] | None:
    """Subscription ids between commas; an empty place is none."""
    ids = tuple(one.strip() for one in text.split(",") if one.strip())
    return ids if len(ids) <= _MOST_LINKED and all(map(_DIGITS.fullmatch, ids)) else None


def _time(text: str) -> datetime | None:
    """`08/16/2023 12:46 AM`, US Pacific with daylight saving (bluesnap/variants.md section 6), as UTC.

    12 AM is midnight. In the hour that autumn repeats, the first of the two is meant; a time in the hour that spring leaves out is
    read as if the clocks had not yet changed.
    """
    found = _TIME.fullmatch(text)
    if found is None or not 1 <= int(found[4]) <= 12:
        return None
    month, day, year, hour, minute = map(int, found.groups()[:5])
    try:
        local = datetime(year, month, day, hour % 12 + 12 * (found[6] == "P"), minute, tzinfo=_PACIFIC)
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


# name in lower case -> (field, how preferred among the names of that field, its format); bluesnap/variants.md section 9
_FIELDS: dict[str, tuple[str, int, Callable[[str], Any]]] = {
    "transactiontype": ("type", 0, _type),
    "referencenumber": ("reference", 0, _digits),
    "originalreferencenumber": ("original_reference", 0, _digits),
    "originalrefnum": ("original_reference", 1, _digits),
    "originalinvoiceid": ("original_reference", 2, _digits),
    "reversalrefnum": ("reversal_reference", 0, _digits),
    "capturereferencenumber": ("capture_reference", 0, _digits),
    "reversalamount": ("reversal_amount", 0, _amount),
    "reversalreason": ("reversal_reason", 0, reason_of),
    "cancelreason": ("cancel_reason", 0, reason_of),
    "failurereason": ("failure_reason", 0, reason_of),
    "declinereason": ("failure_reason", 1, reason_of),
    "cbstatus": ("dispute_status", 0, _dispute),
    "linkedsubscriptions": ("linked_subscriptions", 0, _linked),
    "accountid": ("shopper_id", 0, _digits),
    "subscriptionid": ("subscription_id", 0, _digits),
    # after a CONTRACT_CHANGE contractId still names the old plan
    "newcontractid": ("plan_id", 0, _digits),
    "contractid": ("plan_id", 1, _digits),
    "quantity": ("quantity", 0, _quantity),
    "invoicechargeamount": ("amount", 0, _amount),
    "invoicechargecurrency": ("currency", 0, _currency),
    "transactiondate": ("provider_time", 0, _time),
    "untildate": ("until", 0, _time),
    "testmode": ("test_mode", 0, _flag),
}


def read_notice(body: bytes) -> Notice:
    """The notice in a form-encoded body, whatever the bytes. A body without a type is OTHER and not complete.

    Names are compared without regard to case; of several values the first that is not blank counts.
    """
    pieces = body.split(b"&", _MOST_FIELDS)
    complete = len(pieces) <= _MOST_FIELDS
    texts: dict[str, str] = {}
    for name, text in _listed(pieces[:_MOST_FIELDS]):
        complete &= texts.setdefault(name, text) == text
    values: dict[str, Any] = {}
    if "newcontractid" in texts:
        values["new_plan_id"] = _digits(texts["newcontractid"])
    for name in sorted(texts, key=lambda known: _FIELDS[known][1]):
        field, _, form = _FIELDS[name]
        value = form(texts[name])
        complete &= value is not None
        values.setdefault(field, value)
    if values.get("linked_subscriptions", ()) is None:
        del values["linked_subscriptions"]
    return Notice(**{"type": OTHER, **values, "complete": complete and "type" in values})


def _listed(pieces: list[bytes]) -> Iterator[tuple[str, str]]:
    """The names and values on our list that are not blank, decoded and stripped; for a value that is too long, one that fails any format."""
    for piece in pieces:
        raw_name, _, raw_value = piece.partition(b"=")
        if len(raw_name) > 3 * _LONGEST:
            continue
        name = _decoded(raw_name).lower()
        if name not in _FIELDS:
            continue
        text = _decoded(raw_value) if len(raw_value) <= 3 * _LONGER.get(name, _LONGEST) else _TOO_LONG
        if text:
            yield name, text


def _decoded(raw: bytes) -> str:
    """Percent and plus decoding, UTF-8, else Latin-1 (bluesnap/webhooks.md section 1)."""
    plain = unquote_to_bytes(raw.replace(b"+", b" "))
    try:
        return plain.decode().strip()
    except UnicodeDecodeError:
        return plain.decode("latin-1").strip()
