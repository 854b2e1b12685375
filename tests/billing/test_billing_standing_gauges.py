"""What the gauges read: everything that waits, by kind, with the age of the oldest; nothing that is done; and no further than a bound."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, text, update

from service import jobs
from service.billing.money import refunds
from service.billing.repair import sweep as sweeping
from service.billing.tasks import open_task
from service.errors import Unknown
from service.store import checkpoints, events, rounds, standing
from service.store.ids import new_id
from service.store.models import (
    ENTRIES,
    EVENT_CURSOR,
    EVENTS,
    NOTICES,
    REFUNDS,
    SIGNUPS,
    SUBSCRIPTIONS,
    TASKS,
    Checkpoint,
)
from tests.support.databases import by_stealth
from tests.support.desk import PLATFORM
from tests.support.outcomes import LOST
from tests.support.proving import mark_copied

HOUR = timedelta(hours=1)


@pytest.fixture
def read(desk, engine):
    """What is read of one kind: by label, the number and the whole hours that the oldest waits."""
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM jobs.rounds"))

    def read(what, *, told=True, archived=True):
        with engine.connect() as connection:
            found = standing.read(connection, now=desk.tools.clock(), told=told, archived=archived)
        return {one.label: (one.number, int(one.seconds // 3_600)) for one in found if one.what == what}

    return read


@pytest.fixture
def change(engine):
    def change(table, **values):
        with by_stealth(engine) as connection:
            connection.execute(update(table).values(**values))

    return change


def ago(hours):
    return func.clock_timestamp() - HOUR * hours - timedelta(minutes=1)


def test_deployment_in_which_all_is_done_shows_nothing(read, desk):
    desk.buy()
    assert read("signups") == {"stuck": (0, 0)}
    for what in ("refunds", "tasks", "rounds"):
        assert read(what) == {}
    for what in ("changes", "jobs"):
        assert read(what) == {"": (0, 0)}


def test_signups_are_read_by_state_with_the_age_of_their_call(read, desk, bluesnap, change):
    for account in ("acct-a", "acct-b"):
        bluesnap.script("create_subscription", LOST)
        desk.buy(account=account)
    bluesnap.script("create_shopper", LOST)
    desk.buy(account="acct-c")
    change(SIGNUPS, called_at=ago(2))
    assert read("signups") == {"subscription_unknown": (2, 2), "shopper_unknown": (1, 2), "stuck": (0, 0)}
    change(SIGNUPS, state="stuck")
    assert read("signups") == {"stuck": (3, 2)}


def test_refunds_are_read_by_status_and_stuck_ones_apart(read, desk, bluesnap, change):
    desk.buy()
    bluesnap.script("refund", Unknown("read_timed_out"))
    wanted = refunds.Order(Decimal("10.00"), "other", cancel_subscription=False)
    refunds.order(desk.tools, PLATFORM, desk.charges[0].id, wanted)
    change(REFUNDS, called_at=ago(3))
    assert read("refunds") == {"unknown": (1, 3)}
    change(REFUNDS, lease_until=None)
    assert read("refunds") == {"stuck": (1, 3)}
    change(REFUNDS, status="succeeded")
    assert read("refunds") == {}


def test_changes_and_looks_are_read_by_how_long_they_are_overdue(read, desk, change):
    desk.buy()
    change(SUBSCRIPTIONS, look_at=ago(4), pending_change="cancellation", pending_until=ago(5))
    assert (read("changes"), read("looks")) == ({"": (1, 5)}, {"": (1, 4)})
    change(SUBSCRIPTIONS, look_at=func.clock_timestamp() + HOUR, pending_until=func.clock_timestamp() + HOUR)
    assert (read("changes"), read("looks")) == ({"": (1, 0)}, {"": (0, 0)})


def test_notices_are_read_by_outcome_in_business_time(read, desk, engine, clock):
    with by_stealth(engine) as connection:
        for outcome in ("waiting", "hint", "hint", "applied", "ignored"):
            row = {"id": new_id("nt"), "delivery": new_id("nt").encode()[:32], "type": "CHARGE", "outcome": outcome}
            connection.execute(NOTICES.insert().values(**row, received_at=clock()))
    clock.advance(hours=6, minutes=1)
    assert read("notices") == {"waiting": (1, 6), "hint": (2, 6), "failed": (0, 0)}


def test_events_are_read_until_they_are_delivered(read, desk, engine, change):
    desk.buy()
    with engine.begin() as connection:
        events.start(connection)
        entry = connection.execute(ENTRIES.select().limit(1)).mappings().one()
        connection.execute(
            EVENTS.insert().values(
                id=new_id("ev"), entry=entry["number"], type=entry["act"], state="pending", attempts=1,
                next_at=ago(0), created_at=ago(7),
            )
        )  # fmt: skip
    assert read("events") == {"pending": (1, 7), "failed": (0, 0)}
    change(EVENTS, state="failed")
    assert read("events") == {"pending": (0, 0), "failed": (1, 7)}
    change(EVENTS, state="delivered")
    assert read("events") == {"pending": (0, 0), "failed": (0, 0)}


def test_feed_is_behind_by_the_entries_after_its_place(read, desk, change):
    desk.buy()
    with desk.tools.engine.begin() as connection:
        events.start(connection)
    assert read("feed") == {"": (0, 0)}
    change(EVENT_CURSOR, xid=0, number=0)
    change(ENTRIES, at=ago(8))
    assert read("feed") == {"": (len(desk.acts), 8)}
    assert read("feed", told=False) == {"": (0, 0)}


def test_entries_wait_for_a_checkpoint_and_checkpoints_for_their_copy(read, desk, engine):
    assert read("unsigned") == {"": (0, 0)}
    desk.buy()
    entries = len(desk.acts)
    assert read("unsigned") == {"": (entries, 0)}
    with engine.begin() as connection:
        checkpoint = Checkpoint(
            number=entries, hash=b"h" * 32, at=ago(2), key_id="one", signature=b"s" * 64, state="signed"
        )
        checkpoints.add(connection, checkpoint)
    assert read("unsigned") == {"": (0, 0)}
    assert read("uncopied") == {"": (1, 2)}
    assert read("uncopied", archived=False) == {"": (0, 0)}


def test_journal_is_proven_by_what_the_archive_has(read, desk, engine, change):
    assert read("unproven") == {"": (0, 0)}
    desk.buy()
    change(ENTRIES, at=ago(9))
    assert read("unproven") == {"": (1, 9)}
    assert read("unproven", archived=False) == {"": (0, 0)}
    mark_copied(engine)
    assert read("unproven") == {"": (0, 0)}


def test_tasks_are_read_by_kind_while_they_are_open(read, desk, change):
    with desk.tools.engine.begin() as connection:
        open_task(connection, "overcharge", PLATFORM, reference="7200001")
    change(TASKS, opened_at=ago(9))
    assert read("tasks") == {"overcharge": (1, 9)}
    change(TASKS, state="done")
    assert read("tasks") == {}


def test_jobs_that_nobody_has_begun_are_read_with_their_age(read, engine):
    add = "SELECT jobs.procrastinate_defer_jobs_v1(ARRAY[ROW('panless', 'look', 0, NULL, NULL, '{}', NULL)::jobs.procrastinate_job_to_defer_v1])"
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL search_path = jobs, public"))
        connection.execute(text(add))
        connection.execute(text("UPDATE jobs.procrastinate_events SET at = clock_timestamp() - interval '10 hours'"))
    assert read("jobs") == {"": (1, 10)}
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL search_path = jobs, public"))
        connection.execute(text("DELETE FROM jobs.procrastinate_jobs"))
    assert read("jobs") == {"": (0, 0)}


def test_rounds_are_read_by_when_each_last_ended_well(read, engine):
    with engine.begin() as connection:
        rounds.expect(connection, ["look", "tell"])
        rounds.ended(connection, "sweep", 12)
        connection.execute(update(rounds.ROUNDS).values(ended_at=ago(11)))
        rounds.expect(connection, ["look"])  # a start of the worker does not count as a round
        rounds.ended(connection, "tell")
    assert read("rounds") == {"look": (0, 11), "sweep": (12, 11), "tell": (0, 0)}


def test_scheduled_sweep_that_ends_well_is_remembered_with_what_it_found(read, desk, bluesnap):
    desk.buy()
    sweeping.sweep_on_schedule(desk.tools)
    assert read("rounds") == {"sweep": (0, 0)}
    bluesnap.change(desk.subscriptions[0].provider_subscription, quantity=2)
    sweeping.sweep_on_schedule(desk.tools)
    assert read("rounds") == {"sweep": (1, 0)}


@pytest.mark.parametrize("trouble", ["failed", "stopped", "busy"])
def test_sweep_that_does_not_end_well_is_not_remembered(read, desk, bluesnap, monkeypatch, trouble):
    desk.buy()
    if trouble == "failed":
        bluesnap.script("iterate_subscriptions", Unknown("read_timed_out"))
    else:
        monkeypatch.setattr(sweeping, "sweep", lambda *_, **__: sweeping.Report(trouble))
    sweeping.sweep_on_schedule(desk.tools)
    assert read("rounds") == {}


def test_long_queue_is_counted_no_further_than_the_bound(read, desk, bluesnap, monkeypatch):
    monkeypatch.setattr(standing, "MOST", 2)
    for account in ("acct-a", "acct-b", "acct-c"):
        bluesnap.script("create_subscription", LOST)
        desk.buy(account=account)
    assert read("signups")["subscription_unknown"] == (2, 0)


def test_reading_that_takes_too_long_is_given_up(desk, engine, monkeypatch):
    from sqlalchemy.exc import OperationalError

    monkeypatch.setattr(standing, "STATEMENT_MS", 1)
    monkeypatch.setattr(standing, "_READ", "SELECT pg_sleep(20), :now, :told, :most")
    with engine.connect() as connection, pytest.raises(OperationalError):
        standing.read(connection, now=desk.tools.clock(), told=True, archived=True)


@pytest.mark.parametrize(
    "index",
    [
        "signups_undecided",
        "signups_stuck",
        "refunds_undecided",
        "subscriptions_changing",
        "subscriptions_to_look_at",
        "notices_open",
        "events_due",
        "events_failed",
        "entries_by_feed",
        "tasks_open",
    ],
)
def test_reading_goes_by_the_indexes(engine, desk, index):
    """Each is usable for what is read: a condition that does not imply the index's own would show here."""
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        connection.execute(text("SET LOCAL enable_sort = off"))
        given = {"now": desk.tools.clock(), "told": True, "archived": True, "most": standing.MOST, **standing._REVIEWS}
        plan = connection.execute(text(f"EXPLAIN {standing._READ}"), given).scalars().all()
    assert index in "\n".join(plan)


def test_every_kind_of_round_that_the_worker_runs_is_expected(tools):
    ours = {name for name in jobs.app_for(tools).tasks if "builtin" not in name}
    assert ours == {*jobs.ROUNDS, "forget_stalled"}


def test_round_that_fails_is_not_remembered(read, tools):
    def fail():
        raise LookupError

    with pytest.raises(LookupError):
        jobs._remembered(tools, "look", fail)
    assert read("rounds") == {}
    jobs._remembered(tools, "look", list)
    assert read("rounds") == {"look": (0, 0)}
