"""Mistakes about leases, fences, keys and commits that somebody might make, each a function that patches the running program (bugs.py)."""

from __future__ import annotations

import dataclasses
import sys
from datetime import UTC, datetime, timedelta

from tests.faults.faults_mistakes import FOLDER, used


def app_time_leases():
    """Leases are by the clock of the host, which FOLDER/skew.serve and FOLDER/skew.work set forward by so many seconds."""
    from sqlalchemy import DateTime, func, literal

    from service.store import idempotency, leases, signups

    class OfTheHost:
        def __getattr__(self, name):
            return getattr(func, name)

        def clock_timestamp(self):
            used("app_time_leases")
            skew = FOLDER / f"skew.{sys.argv[1]}"
            ahead = timedelta(seconds=int(skew.read_text())) if skew.exists() else timedelta()
            return literal(datetime.now(UTC) + ahead, DateTime(timezone=True))

    for module in (idempotency, leases, signups):
        module.func = OfTheHost()


def commit_warning_ignored():
    """A commit of which PostgreSQL says that its standbys may not have it is a commit."""
    from service.store import careful

    is_doubt = careful.is_doubt

    def is_none(diagnostic):
        if is_doubt(diagnostic):
            used("commit_warning_ignored")
        return False

    careful.is_doubt = is_none


def no_fence():
    """Who lost a signup to somebody else writes all the same."""
    from service.store import changes, signups
    from service.store.models import Signup

    change = changes.change

    def change_anyway(connection, record, act, origin, **values):
        if isinstance(record, Signup):
            present = signups.get(connection, record.id)
            if present.fence != record.fence:
                used("no_fence")
            record = dataclasses.replace(record, fence=present.fence)
        return change(connection, record, act, origin, **values)

    changes.change = change_anyway
    signups.hold = lambda *_: None


def key_released_after_unknown():
    """A key whose answer is not final is forgotten, with what was asked under it."""
    from service.store import idempotency

    def forget(connection, claim):
        used("key_released_after_unknown")
        idempotency.forget(connection, claim)

    idempotency.release = forget
