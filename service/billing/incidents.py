"""A second live subscription is an incident (DESIGN section 7 point 5): a line, a count and a task for every one. It must never settle one by itself."""

from __future__ import annotations

from collections.abc import Iterable

import structlog
from sqlalchemy import Connection

from service.billing.tasks import open_task
from service.billing.tools import Tools
from service.bluesnap.payloads import Subscription as Found
from service.store import signups
from service.store.journal import Origin
from service.store.models import Signup
from service.telemetry import metrics

log = structlog.get_logger()
#: The task; its subject is the signup that `signups resolve` takes, its reference the subscription at BlueSnap.
SECOND = "second_subscription"


def is_our_concern(connection: Connection, tools: Tools, found: Found) -> bool:
    """Whether a subscription that we do not know was sold through us, as far as that can be told.

    A shopper who was at BlueSnap before us may have bought other things there; of those whom we made everything is ours.
    """
    if found.plan_id is None or tools.catalogue.find(found.plan_id):
        return True
    return found.shopper_id is not None and signups.vaulted_here(connection, found.shopper_id)


def second_subscription(
    connection: Connection, signup: Signup, found: Iterable[Found], *, by: str, origin: Origin
) -> None:
    """Live subscriptions of a signup's shopper that must not be, each told once, for ever. `by`: settle, sweep or reactivation."""
    for one in found:
        priced = None not in {one.amount, one.currency}
        new = open_task(
            connection, SECOND, origin, subject=signup.id, reference=one.subscription_id, account=signup.account,
            amount=one.amount if priced else None, currency=one.currency if priced else None,
        )  # fmt: skip
        if new:
            metrics.SECOND_SUBSCRIPTIONS.labels(found_by=by).inc()
            log.error("incident.second_subscription", signup=signup.id, account=signup.account, reason=by)
