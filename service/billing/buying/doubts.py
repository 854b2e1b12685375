"""What speaks against an answer of BlueSnap's that seems to be fine: it is about somebody else. Must never let one card attempt charge another's shopper."""

from __future__ import annotations

from service.billing.tools import Tools
from service.bluesnap.causes import Cause
from service.bluesnap.payloads import Shopper
from service.bluesnap.payloads import Subscription as Found
from service.errors import BlueSnapError, Unknown
from service.store import accounts, signups
from service.store.models import Signup, Subscription
from service.telemetry import metrics


def own_shopper(tools: Tools, signup: Signup, shopper: Shopper) -> Shopper:
    """The shopper, unless another attempt or another customer has that one. Raises Unknown: what was vaulted then, nobody knows."""
    with tools.engine.connect() as connection:
        taken = signups.has_shopper_elsewhere(connection, signup, shopper.shopper_id)
    if taken:
        raise Unknown(Cause.ANOTHERS_ANSWER)
    return shopper


def strangeness(tools: Tools, signup: Signup, found: Found) -> str | None:
    """Whose subscription it is if not this attempt's, in a word: of another shopper, or one that we have already. None if nothing speaks against it."""
    if found.shopper_id not in {None, signup.provider_shopper}:
        return "shopper"
    with tools.engine.connect() as connection:
        known = accounts.subscription_of_provider(connection, found.subscription_id)
    return "subscription" if known is not None and known.id != signup.subscription_id else None


def mismatch(claimed: Subscription, plan_id: str, found: Found) -> str | None:
    """What about BlueSnap's subscription is not what we asked for: a word, or None. It is compared before it is believed."""
    wanted: dict[str, tuple[object, object]] = {
        "plan": (found.plan_id, plan_id),
        "quantity": (found.quantity, 1),
        "amount": (found.amount, claimed.amount),
        "currency": (found.currency, claimed.currency),
        "status": (found.status, "ACTIVE"),
        "next_charge_date": (found.next_charge_date is not None, True),
    }
    if found.charge is not None:
        wanted["first_charge"] = ((found.charge.amount, found.charge.currency), (claimed.amount, claimed.currency))
    return next((name for name, (seen, expected) in wanted.items() if seen != expected), None)


def count(error: BlueSnapError) -> None:
    """An alarm for an answer about another shopper; nothing for anything else."""
    if error.cause == Cause.ANOTHERS_ANSWER:
        metrics.SIGNUP_MISMATCHES.labels(what="shopper").inc()
