"""Takes from answers about the merchant's own account its plans and where its notices go. Must never keep a key or a parameter of an address."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from service.bluesnap.answers import document_of, read_page, unreadable
from service.bluesnap.json_text import parse_json
from service.bluesnap.payloads import UNRECOGNISED, Destination, NotificationConfig, Plan
from service.bluesnap.scalars import (
    CURRENCY,
    WORDS,
    amount_of,
    count_of,
    flag_of,
    id_of,
    items_of,
    last_segment,
    moment_of,
    object_of,
    word_of,
)
from service.bluesnap.transport import Answer

_LONGEST_NAME = 199
# Seen in clients only; the documentation names none of them.
_TYPE_OF_FLAG = {
    "sendAuthOnly": "AUTH_ONLY", "sendCancellation": "CANCELLATION", "sendCancelOnRenewal": "CANCEL_ON_RENEWAL",
    "sendCharge": "CHARGE", "sendChargeback": "CHARGEBACK", "sendChargebackStatusChanged": "CHARGEBACK_STATUS_CHANGED",
    "sendContractChange": "CONTRACT_CHANGE", "sendCancellationRefund": "CANCELLATION_REFUND",
    "sendSubscriptionReminder": "SUBSCRIPTION_REMINDER", "sendDecline": "DECLINE", "sendRefund": "REFUND",
    "sendRecurring": "RECURRING", "sendCcFailure": "CC_CHARGE_FAILED", "sendSubCcFailure": "SUBSCRIPTION_CHARGE_FAILURE",
    "sendPaymentUpdate": "PAYMENT_UPDATED", "sendPaymentUpdateFailure": "PAYMENT_UPDATED_FAILURE",
    "sendAccountUpdater": "ACCOUNT_UPDATER", "sendFraudDecline": "FRAUD_DECLINE", "sendChargePending": "CHARGE_PENDING",
    "sendShopperDeleted": "SHOPPER_DELETED",
}  # fmt: skip


def read_plan(answer: Answer) -> Plan:
    """One plan. Raises Unknown if the answer shows no id."""
    return _plan(parse_json(answer.body)) or unreadable(answer)


def read_created_plan(answer: Answer) -> Plan:
    """A plan that was just made; its id from the body, else from Location (bluesnap/api.md section 5). Raises Unknown."""
    document = document_of(answer)
    shown = {"planId": last_segment(answer.location), **document}
    return _plan(shown) or unreadable(answer)


def read_plans(answer: Answer) -> tuple[list[Plan], bool | None]:
    """One page of plans, and whether it is the last, if it says. Raises Unknown if only one of them cannot be read."""
    items, last = read_page(answer, "plans")
    return [_plan(item) or unreadable(answer) for item in items], last


def read_clock(answer: Answer) -> datetime:
    """When an answer says it was made. Raises Unknown if it does not say."""
    return moment_of(answer.date) or unreadable(answer)


def read_notification_config(answer: Answer) -> NotificationConfig:
    """Where notices go. Raises Unknown for what is no JSON object; addresses that are none are left out."""
    document = document_of(answer)
    listed = items_of(document.get("ipnDestinations")) or [document]
    found = [_destination(object_of(one)) for one in listed]
    return NotificationConfig(
        destinations=[one for one in found if one is not None],
        receipts=flag_of(document.get("ensureNotificationReceipt")),
    )


def _destination(found: dict[str, Any]) -> Destination | None:
    url = _address(found.get("ipnUrl"))
    flags = {kind: flag_of(found.get(name)) for name, kind in _TYPE_OF_FLAG.items() if name in found}
    types = sorted(kind for kind, on in flags.items() if on)
    return None if url is None else Destination(url, types if flags else None)


def _address(value: object) -> str | None:
    """Scheme, host, port and path; what may hold a secret (a user, a query) is left out."""
    if not isinstance(value, str) or len(value) > 1000 or not re.fullmatch(r"[!-~]+", value):
        return None
    try:
        parts = urlsplit(value)
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        return None
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _plan(document: Any) -> Plan | None:
    found = object_of(document)
    plan_id = id_of(found.get("planId"))
    if plan_id is None:
        return None
    frequency = word_of(found.get("chargeFrequency"), WORDS)
    name = found.get("name")
    return Plan(
        plan_id=plan_id,
        status=word_of(found.get("status"), WORDS) or UNRECOGNISED,
        # some enumerations show underscores (bluesnap/api.md section 9)
        frequency=frequency and frequency.replace("_", " "),
        currency=word_of(found.get("currency"), CURRENCY),
        amount=amount_of(found.get("recurringChargeAmount")),
        trial_days=count_of(found.get("trialPeriodDays")),
        initial_amount=amount_of(found.get("initialChargeAmount")),
        grace_days=count_of(found.get("gracePeriodDays")),
        charge_on_switch=flag_of(found.get("chargeOnPlanSwitch")),
        name=name if isinstance(name, str) and 0 < len(name) <= _LONGEST_NAME and name.isprintable() else None,
        max_charges=count_of(found.get("maxNumberOfCharges")),
    )
