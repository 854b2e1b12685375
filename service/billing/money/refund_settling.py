"""Settle refunds whose end is not known: look first, repeat only what is proven safe, else leave it to a person. Never gives money back twice.

DESIGN section 7 points 3, 4 and 9. A negative look-up is no proof of absence: the call is repeated only under `idempotency_proven`,
with the same key and body, while BlueSnap still keeps the key.
"""

from __future__ import annotations

from datetime import timedelta

import structlog

from service.billing import rounds
from service.billing.money.refund_giving import accept, give, lose, record, standing
from service.billing.money.refund_matching import match
from service.billing.money.refund_records import give_up, learn
from service.billing.outcomes import KEY_LIFE, LONGEST_WAIT_SECONDS, SEARCH
from service.billing.tools import Tools
from service.bluesnap import payloads
from service.bluesnap.causes import Cause
from service.errors import BlueSnapError, Declined, Rejected
from service.store import charges, database, disputes, refunds
from service.store.changes import LostRaceError
from service.store.journal import Origin
from service.store.models import Charge, Refund

log = structlog.get_logger()
WORKER = Origin("worker")
#: A refund that BlueSnap took and says nothing of ever after; it takes up to two weeks at a bank.
SILENCE = timedelta(days=30)
LONGEST_PENDING_SECONDS = 86_400
BATCH = 100


def settle_due(tools: Tools) -> int:
    """Settle every refund that is due, one after the other. The number that was looked at."""
    with tools.engine.connect() as connection:
        due = refunds.LEASE.due(connection, BATCH)
    return rounds.each(tools, "settle_refunds", refunds.LEASE, due, act=_settle)


def _settle(tools: Tools, refund_id: str) -> None:
    with tools.engine.begin() as connection:
        refund = refunds.LEASE.take(connection, refund_id, tools.settings.lease_seconds)
        charge = charges.get(connection, refund.charge_id) if refund is not None else None
    if refund is None or charge is None:
        return
    try:
        if refund.status == "requested":
            lose(tools, refund, WORKER)  # its process died during the call: that call has ended by now, how is unknown
        else:
            _look(tools, refund, charge)
    except LostRaceError:
        log.info("refund.taken_over", refund=refund.id)


def _look(tools: Tools, refund: Refund, charge: Charge) -> None:
    """Read the transaction; what it shows is what is true, of this refund and of the others of the charge."""
    try:
        seen = tools.bluesnap.get_transaction(charge.reference)
    except BlueSnapError as error:
        _wait(tools, refund, cause=error.cause)
        return
    learn(tools, charge, seen, WORKER)
    with tools.engine.connect() as connection:
        refund_now = refunds.get(connection, refund.id) or refund
    if refund_now.status != refund.status:
        return
    if refund.status == "pending":
        _ask_how_far(tools, refund, charge, seen)
    else:
        _decide(tools, refund, charge, seen)


def _ask_how_far(tools: Tools, refund: Refund, charge: Charge, seen: payloads.Transaction) -> None:
    """A pending refund, until it is done or gone. One that is called off is shown with the payment no more, and says so itself."""
    with tools.engine.connect() as connection:
        ours = refunds.of_charge(connection, charge.id)
    shown = match(ours, seen.refunds, tools.settings.billing_zone).pairs.get(refund.id)
    number = refund.provider_refund or (shown.refund_id if shown is not None else None)
    told = standing(tools, number)
    if told in {"succeeded", "failed"}:
        record(tools, refund, told, WORKER)
    elif told is None and _age(tools, refund) >= (SEARCH if shown is None and number is None else SILENCE):
        _leave_to_person(tools, refund)
    else:
        _wait(tools, refund, cause="pending", longest=LONGEST_PENDING_SECONDS)


def _decide(tools: Tools, refund: Refund, charge: Charge, seen: payloads.Transaction) -> None:
    """The transaction does not show it, or not for certain."""
    with tools.engine.connect() as connection:
        ours = refunds.of_charge(connection, charge.id)
        disputed = bool(seen.chargebacks) or disputes.is_disputed(connection, charge.reference)
    age = _age(tools, refund)
    if refund.id in match(ours, seen.refunds, tools.settings.billing_zone).doubtful:
        _leave_to_person(tools, refund)
    elif tools.settings.idempotency_proven and age < KEY_LIFE and not disputed:
        _repeat(tools, refund, charge)
    elif age < SEARCH:
        _wait(tools, refund, cause="not_found_yet")
    else:
        _leave_to_person(tools, refund)


def _repeat(tools: Tools, refund: Refund, charge: Charge) -> None:
    """The same call again, under the same key. A refusal of it says nothing of the first call; the transaction must agree."""
    try:
        given = give(tools, charge, refund)
    except BlueSnapError as error:
        definite = isinstance(error, Rejected | Declined) and error.cause != Cause.KEY_REUSED
        if definite and _is_absent(tools, refund, charge):
            record(tools, refund, "failed", WORKER)
        else:
            _wait(tools, refund, cause=error.cause)
        return
    accept(tools, refund, given, WORKER)


def _is_absent(tools: Tools, refund: Refund, charge: Charge) -> bool:
    """Whether BlueSnap shows the payment without anything that could be this refund."""
    try:
        seen = tools.bluesnap.get_transaction(charge.reference)
    except BlueSnapError:
        return False
    with tools.engine.connect() as connection:
        ours = refunds.of_charge(connection, charge.id)
    matching = match(ours, seen.refunds, tools.settings.billing_zone)
    return refund.id not in matching.pairs and refund.id not in matching.doubtful


def _leave_to_person(tools: Tools, refund: Refund) -> None:
    with tools.engine.begin() as connection:
        refunds.hold(connection, refund)
        give_up(connection, refund, WORKER)
    log.error("refund.stuck", refund=refund.id, account=refund.account)


def _age(tools: Tools, refund: Refund) -> timedelta:
    """The time since the call's key was first used."""
    with tools.engine.connect() as connection:
        return database.now(connection) - (refund.called_at or refund.created_at)


def _wait(tools: Tools, refund: Refund, *, cause: str, longest: int = LONGEST_WAIT_SECONDS) -> None:
    """Look again later, less and less often."""
    seconds = min(tools.settings.quiet_seconds * 2 ** min(refund.looked, 20), longest)
    with tools.engine.begin() as connection:
        refunds.look_again(connection, refund, seconds)
    log.info("refund.waiting", refund=refund.id, state=refund.status, cause=cause, attempt=refund.looked + 1)
