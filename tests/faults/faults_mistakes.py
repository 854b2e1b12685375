"""Mistakes about BlueSnap and its notices that somebody might make, each a function that patches the running program (bugs.py). Nothing else calls them."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import threading
import uuid
from pathlib import Path

FOLDER = Path(os.environ.get("HOLD_FOLDER", "/nonexistent"))
MARKS = FOLDER / "bugs"
SHORT_WINDOW_SECONDS = 300


def used(name):
    """The mistake was just made."""
    MARKS.mkdir(exist_ok=True)
    (MARKS / name).touch()


def changed(tools, **settings):
    return dataclasses.replace(tools, settings=dataclasses.replace(tools.settings, **settings))


# towards BlueSnap


def fresh_key():
    """Every call that charges has a new idempotency key, the repeated one too."""
    from service.bluesnap.client import BlueSnapClient

    create = BlueSnapClient.create_subscription

    def create_subscription(self, **given):
        used("fresh_key")
        return create(self, **given | {"idempotency_key": str(uuid.uuid4())})

    BlueSnapClient.create_subscription = create_subscription


def server_error_is_failure():
    """A 5xx means that nothing was done."""
    from service.bluesnap import outcomes
    from service.bluesnap.verdicts import INVALID

    judge = outcomes._judge

    def judged(status, body, *, reading, **how):
        if status >= 500 and not reading:
            used("server_error_is_failure")
            return INVALID
        return judge(status, body, reading=reading, **how)

    outcomes._judge = judged


def broad_except():
    """Whatever goes wrong in the call that charges, it has failed."""
    from service.bluesnap.client import BlueSnapClient
    from service.errors import Declined, Rejected

    create = BlueSnapClient.create_subscription

    def create_subscription(self, **given):
        try:
            return create(self, **given)
        except Declined:
            raise
        except Exception:  # noqa: BLE001 - the mistake itself
            used("broad_except")
            raise Rejected("invalid_request") from None

    BlueSnapClient.create_subscription = create_subscription


def no_quiet_period():
    """BlueSnap is asked at once, and believed when it shows nothing."""
    from service.billing.buying import settle, steps
    from service.billing.lifecycle import SIGNUP_MOVES, Step
    from service.errors import Rejected
    from service.store.journal import Act

    lose, wait = steps.lose, settle._wait

    def lose_for_a_moment(tools, signup, origin, **how):
        return lose(changed(tools, quiet_seconds=0), signup, origin, **how)

    def believe(tools, signup, *, cause):
        if cause == "not_found_yet":
            used("no_quiet_period")
            steps.end(tools, signup, settle.WORKER, Rejected("not_found"))
        else:
            wait(tools, signup, cause=cause)

    SIGNUP_MOVES["subscription_unknown", Step.RELEASED] = ("released", Act.SIGNUP_RELEASED)
    steps.lose, settle._wait = lose_for_a_moment, believe


def repeat_unproven():
    """A call that may have charged is made again, whether BlueSnap keeps keys or not."""
    from service.billing.buying import settle

    find = settle._find_subscription

    def find_or_repeat(tools, signup):
        used("repeat_unproven")
        find(changed(tools, idempotency_proven=True), signup)

    settle._find_subscription = find_or_repeat


def refund_without_reservation():
    """Only what BlueSnap has given back is missing from a charge, not what is under way."""
    from service.store import refunds

    def reserved(given):
        used("refund_without_reservation")
        return sum(one.amount for one in given if one.status in refunds.ACCEPTED)

    refunds.reserved = reserved


# notices


def apply_before_commit():
    """What a notice does is committed by itself, before the notice is."""
    from service.billing.hearing import notices

    apply = notices.try_to_apply

    def apply_first(_connection, tools, told, origin):
        used("apply_before_commit")
        with tools.engine.begin() as other:
            return apply(other, tools, told, origin)

    notices.try_to_apply = apply_first


def early_acknowledgement():
    """A notice is answered first and recorded then."""
    from service.billing.hearing import notices

    take_in = notices.take_in

    def later(*arguments):
        with contextlib.suppress(Exception):
            take_in(*arguments)

    def acknowledge(*arguments):
        used("early_acknowledgement")
        threading.Thread(target=later, args=arguments).start()

    notices.take_in = acknowledge


def short_dedup_window():
    """A notice is recognised for five minutes."""
    from service.store import notices

    record = notices.record

    def record_shortly(connection, notice, deliveries):
        used("short_dedup_window")
        window = int(notice.received_at.timestamp()) // SHORT_WINDOW_SECONDS

        def now(digest):
            return digest and hashlib.sha256(digest + str(window).encode()).digest()

        seen = dataclasses.replace(notice, delivery=now(notice.delivery), meaning=now(notice.meaning))
        return record(connection, seen, [now(one) for one in deliveries])

    notices.record = record_shortly


def notice_revives():
    """A notice of a payment makes its subscription active, however old it is."""
    from sqlalchemy import update

    from service.billing.hearing import notice_effects
    from service.store.models import SUBSCRIPTIONS

    apply = notice_effects._apply_payment

    def apply_and_revive(connection, tools, row, origin):
        verdict = apply(connection, tools, row, origin)
        mine = (SUBSCRIPTIONS.c.provider_subscription == row.provider_subscription, SUBSCRIPTIONS.c.status == "ended")
        revived = update(SUBSCRIPTIONS).where(*mine).values(status="active", ended_at=None, renews=True)
        if connection.execute(revived).rowcount:
            used("notice_revives")
        return verdict

    notice_effects._apply_payment = apply_and_revive
