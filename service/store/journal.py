"""The journal: an entry for every change, written in the transaction of the change. Entries are appended, never altered.

Their numbers, and their places in the chain, they get from the database when the transaction commits (store/keeping.py).
"""

from __future__ import annotations

import dataclasses
import enum
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert

from service.store import deeds
from service.store.models import (
    ENTRIES,
    AccessGrant,
    Charge,
    CheckoutSession,
    Dispute,
    Notice,
    Price,
    Refund,
    Review,
    Signup,
    Subscription,
    Task,
)

Record = (
    CheckoutSession | Signup | Subscription | Charge | Price | Refund | Dispute | Task | Notice | Review | AccessGrant
)


class Act(enum.StrEnum):
    """All that can happen. Read as the story of the system."""

    KEY_CREATED = "key.created"
    KEY_REVOKED = "key.revoked"
    PERSON_ADDED = "person.added"
    PERSON_LEFT = "person.left"
    AUDIT_READ = "audit.read"
    PERSON_LINKED = "person.linked"
    SESSION_OPENED = "session.opened"
    SESSION_RENEWED = "session.renewed"
    SESSION_REOPENED = "session.reopened"
    SESSION_CONFIRMING = "session.confirming"
    FIELDS_SPENT = "session.fields_spent"
    SESSION_COMPLETED = "session.completed"
    SESSION_FAILED = "session.failed"
    SHOPPER_REQUESTED = "signup.shopper_requested"
    SHOPPER_VAULTED = "signup.shopper_vaulted"
    SUBSCRIPTION_REQUESTED = "signup.subscription_requested"
    OUTCOME_UNKNOWN = "signup.outcome_unknown"
    SIGNUP_POSTPONED = "signup.postponed"
    SIGNUP_DECLINED = "signup.declined"
    SIGNUP_RELEASED = "signup.released"
    SIGNUP_STUCK = "signup.stuck"
    SIGNUP_ACTIVE = "signup.active"
    CARD_REQUESTED = "card.requested"
    CARD_REPLACED = "card.replaced"
    CARD_SHOWN = "card.shown"
    SUBSCRIPTION_CLAIMED = "subscription.claimed"
    SUBSCRIPTION_ACTIVATED = "subscription.activated"
    SUBSCRIPTION_VOIDED = "subscription.voided"
    SUBSCRIPTION_RENEWED = "subscription.renewed"
    SUBSCRIPTION_PAST_DUE = "subscription.past_due"
    SUBSCRIPTION_ENDING = "subscription.ending"
    SUBSCRIPTION_RESUMED = "subscription.resumed"
    SUBSCRIPTION_ENDED = "subscription.ended"
    CHANGE_REQUESTED = "subscription.change_requested"
    CHANGE_CONFIRMED = "subscription.change_confirmed"
    CHANGE_REFUSED = "subscription.change_refused"
    CHANGE_SETTLED = "subscription.change_settled"
    SUBSCRIPTION_CHANGED = "subscription.changed"
    SUBSCRIPTION_DISPUTED = "subscription.disputed"
    SUBSCRIPTION_DISPUTE_OVER = "subscription.dispute_over"
    SUBSCRIPTION_ADOPTED = "subscription.adopted"
    SUBSCRIPTION_SURPLUS = "subscription.surplus"
    PRICE_AGREED = "price.agreed"
    CHARGE_RECORDED = "charge.recorded"
    REFUND_REQUESTED = "refund.requested"
    REFUND_UNKNOWN = "refund.unknown"
    REFUND_PENDING = "refund.pending"
    REFUND_SUCCEEDED = "refund.succeeded"
    REFUND_FAILED = "refund.failed"
    REFUND_FOUND = "refund.found"
    DISPUTE_OPENED = "dispute.opened"
    DISPUTE_MOVED = "dispute.moved"
    DISPUTE_STOPS = "dispute.stops_renewal"
    DISPUTE_FREES = "dispute.frees_renewal"
    NOTICE_REPLAYED = "notice.replayed"
    TASK_OPENED = "task.opened"
    TASK_CLOSED = "task.closed"
    NOTICE_SETTLED = "notice.settled"
    EVENT_RESENT = "event.resent"
    RECORD_RESTORED = "record.restored"
    REVIEW_DONE = "review.done"
    RECOVERY_ACCEPTED = "recovery.accepted"
    ACCOUNT_ERASED = "account.erased"
    SHOPPER_DELETED = "shopper.deleted"
    #: Written by the database itself (store/keeping.py): what somebody did by hand, and what there was when versions began to be kept.
    HAND_CREATED = "hand.created"
    HAND_CHANGED = "hand.changed"
    HAND_DELETED = "hand.deleted"
    HISTORY_BEGUN = "history.begun"
    GRANT_REQUESTED = "grant.requested"
    GRANT_BREAK_GLASS = "grant.break_glass"
    GRANT_APPROVED = "grant.approved"
    GRANT_REFUSED = "grant.refused"
    GRANT_WITHDRAWN = "grant.withdrawn"
    GRANT_ENDED = "grant.ended"
    GRANT_LOOKED = "grant.looked"
    GRANT_REVIEWED = "grant.reviewed"


@dataclass(frozen=True)
class Origin:
    """Who acts, in which request, and for which reason: `key:key_…`, `session:cs_…`, `person:per_…`, `worker`, `bluesnap`, `operator` or `login:…`."""

    actor: str
    request: str | None = None
    reason: str | None = None

    @property
    def is_operator(self) -> bool:
        """Whether it comes from an operator's shell, with the shared login of the database or one of their own."""
        return self.actor == "operator" or self.actor.startswith("login:")


#: Never in an after-image: secrets, digests of private things, and what only steers processes.
LEFT_OUT = {
    "fields_sealed",
    "address",
    "fence",
    "lease_until",
    "called_at",
    "look_at",
    "pending_until",
    "looked",
    "shopper_key",
    "subscription_key",
    "key",
    "fraud_session",
    "three_d_secure",
    "delivery",
    "key_id",
    "meaning",
}


def plain(value: Any) -> Any:
    """A value as it is written into an image."""
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        case Decimal():
            return format(value, "f")
        case date() | UUID():
            return str(value)
        case _:
            return value


def image_of(record: Record) -> dict[str, Any]:
    """The record after the change, without its secrets."""
    fields = dataclasses.asdict(record)
    return {name: plain(value) for name, value in fields.items() if name not in LEFT_OUT and value is not None}


def append(connection: Connection, act: Act, record: Record, origin: Origin) -> None:
    """Write the entry of a change to a record of an account."""
    write(
        connection,
        act,
        origin,
        subject=record.id,
        account=getattr(record, "account", None),
        version=getattr(record, "version", None),
        image=image_of(record),
    )


def write(connection: Connection, act: Act, origin: Origin, **values: Any) -> None:
    """Write any entry: subject, image, and where they apply account and version. It leaves a line in the log once it is committed."""
    said = {"actor": origin.actor, "act": act.value, "request": origin.request, "reason": origin.reason}
    connection.execute(insert(ENTRIES).values(**said, **values))
    deeds.remember(
        connection,
        act=act.value,
        actor=origin.actor,
        subject=values["subject"],
        account=values.get("account"),
        request_id=origin.request,
    )
