"""What each type of notice does here, and what makes two of them mean the same. Pure. Every type that BlueSnap documents has its row."""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass

from service.bluesnap.notices import OTHER
from service.store.models import Notice


class Does(enum.StrEnum):
    """PAYMENT: the payment is recorded. DISPUTE: the dispute is recorded. LOOK: BlueSnap is asked, and nothing of it is believed. IGNORE: nothing."""

    PAYMENT = "payment"
    DISPUTE = "dispute"
    LOOK = "look"
    IGNORE = "ignore"


@dataclass(frozen=True)
class Rule:
    """What a type does; of what is ignored, why."""

    does: Does
    reason: str | None = None


PAYMENT, DISPUTE, LOOK = Rule(Does.PAYMENT), Rule(Does.DISPUTE), Rule(Does.LOOK)
NOT_SOLD = Rule(Does.IGNORE, "not_sold")
CARD_ON_FILE = Rule(Does.IGNORE, "card_on_file")
MERCHANT_BUSINESS = Rule(Does.IGNORE, "merchant_business")
REMINDER = Rule(Does.IGNORE, "reminder")
EVIDENCE = Rule(Does.IGNORE, "evidence")

#: By type (bluesnap/webhooks.md section 3). After a payment and a dispute BlueSnap is asked too (docs/decisions/0012).
RULES: dict[str, Rule] = {
    "CHARGE": PAYMENT,
    "RECURRING": PAYMENT,
    "SUBSCRIPTION_CHARGE_FAILURE": LOOK,
    "CANCELLATION": LOOK,
    "CANCEL_ON_RENEWAL": LOOK,
    "CONTRACT_CHANGE": LOOK,
    "REFUND": LOOK,
    "PENDING_REFUND": LOOK,
    "CANCELLATION_REFUND": LOOK,
    "RDR": LOOK,
    "CHARGEBACK": DISPUTE,
    "CHARGEBACK_STATUS_CHANGED": DISPUTE,
    "CHARGEBACK_FILE_UPLOADED": EVIDENCE,
    # a payment that is held or taken back by a review is the subscription's matter, where it names one
    "CC_CHARGE_FAILED": LOOK,
    "DECLINE": LOOK,
    "FRAUD_DECLINE": LOOK,
    "UNDER_REVIEW": LOOK,
    "UNDER_VENDOR_REVIEW": LOOK,
    # the networks know another number, or that there is none any more: BlueSnap may try again, or give up
    "ACCOUNT_UPDATER": LOOK,
    "SHOPPER_DELETED": LOOK,
    "SUBSCRIPTION_REMINDER": REMINDER,
    # which card is stored is BlueSnap's to know (DESIGN section 2.1)
    "CC_STATUS_CHANGED": CARD_ON_FILE,
    "PAYMENT_UPDATED": CARD_ON_FILE,
    "PAYMENT_UPDATED_FAILURE": CARD_ON_FILE,
    "VAULTED_SHOPPER": CARD_ON_FILE,
    # trials, single authorisations, bank debits and orders by wire
    "AUTH_ONLY": NOT_SOLD,
    "AUTH_ONLY_SINGLE_CHARGE": NOT_SOLD,
    "CHARGE_PENDING": NOT_SOLD,
    "ACH_NOTIFICATION_OF_CHANGE": NOT_SOLD,
    "OFFLINE_ORDER": NOT_SOLD,
    "PAYOUT": MERCHANT_BUSINESS,
    "FAILED_PAYOUT_TRANSFER": MERCHANT_BUSINESS,
    "VENDOR_STATUS_CHANGED": MERCHANT_BUSINESS,
    "VENDOR_REPORT_AVAILABLE": MERCHANT_BUSINESS,
    "MERCHANT_PARTNER_ONBOARDED": MERCHANT_BUSINESS,
    "MERCHANT_PARTNER_STATUS": MERCHANT_BUSINESS,
    # a type that nobody has told us of: where it names a subscription of ours, BlueSnap is asked
    OTHER: LOOK,
}
#: One refund is told by either of the first two; that it was pending before is another thing to hear.
_REFUNDS = {
    "REFUND": "refund",
    "CANCELLATION_REFUND": "refund",
    "PENDING_REFUND": "refund_pending",
    "RDR": "refund_by_dispute",
}


def does(notice_type: str) -> Does:
    """What notices of this type do."""
    return RULES[notice_type].does


def meaning(row: Notice) -> bytes | None:
    """The digest of what a notice means, however and as often as it is told (DESIGN section 8). None: it is known by its delivery only."""
    words = _meaning(row)
    if words is None or None in words:
        return None
    return hashlib.sha256("|".join(str(word) for word in words).encode()).digest()


def _meaning(row: Notice) -> tuple[object, ...] | None:
    """A payment by its reference, a refund by its own, a failed renewal by its subscription and time, a dispute by reference and status."""
    time = row.provider_time.isoformat() if row.provider_time is not None else None
    if does(row.type) is Does.PAYMENT:
        return ("payment", row.reference)
    if row.type in _REFUNDS:
        return (_REFUNDS[row.type], row.reversal_reference)
    if row.type == "SUBSCRIPTION_CHARGE_FAILURE":
        return ("unpaid", row.provider_subscription, time)
    if does(row.type) is Does.DISPUTE:
        return ("dispute", row.reversal_reference, row.dispute_status or ("new" if row.type == "CHARGEBACK" else None))
    named = (row.reference, row.reversal_reference, row.provider_subscription, row.provider_shopper)
    if row.type == OTHER or not any(named):
        return None
    return (row.type, *(name or "" for name in named), time)
