"""What must hold once a stack is quiet again: the invariants of the fault list, each judged by BlueSnap's ledger and our tables, past every proxy."""

from __future__ import annotations


def is_quiet(stage):
    """Whether nothing is undecided, pending or on its way any more."""
    undecided = stage.sql(
        "SELECT count(*) FROM signups WHERE state NOT IN ('active', 'replaced', 'declined', 'released', 'stuck')"
    )[0][0]
    changing = stage.sql("SELECT count(*) FROM subscriptions WHERE pending_change IS NOT NULL")[0][0]
    notices = sum(one["state"] == "queued" for one in stage.lever("notices")["notices"])
    return not (undecided or changing or notices)
