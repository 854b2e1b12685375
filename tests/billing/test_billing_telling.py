"""Telling the platform: one event for each entry that it should know of, tried by the schedule, however many workers there are."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from service.billing import telling
from service.platform.outcomes import Cause, Outcome
from service.store import database, events
from service.store.ids import new_id
from service.store.journal import Act, Origin, write
from service.store.models import ENTRIES, EVENTS
from tests.support.metrics import reading

TOLD, UNTOLD = Act.SUBSCRIPTION_RENEWED, Act.CARD_SHOWN
DONE = Outcome(204, None)
BROKEN = Outcome(500, Cause.SERVER_ERROR)
NOBODY = Outcome(None, Cause.CONNECTION_REFUSED)


class Platform:
    """Answers with the outcomes that are left, then with 204; `told` is what it heard. `meanwhile` happens while it is told."""

    def __init__(self):
        self.outcomes, self.told, self.meanwhile = [], [], None

    def tell(self, event_id, body, *, moment):
        self.told.append((event_id, json.loads(body), moment))
        if self.meanwhile is not None:
            self.meanwhile()
        return self.outcomes.pop(0) if self.outcomes else DONE

    @property
    def ids(self):
        return [event_id for event_id, _, _ in self.told]


@pytest.fixture
def platform():
    return Platform()


@pytest.fixture
def tools(make_tools, platform):
    made = make_tools(platform=platform)
    telling.collect(made)
    return made


@pytest.fixture
def happen(engine):
    """Write an entry; its number."""

    def make(act=TOLD, account="acct-a", **image):
        with engine.begin() as connection:
            write(connection, act, Origin("worker"), subject=new_id("sub"), account=account, version=3, image=image)
        with engine.connect() as connection:
            return connection.execute(select(func.max(ENTRIES.c.number))).scalar_one()

    return make


@pytest.fixture
def rows(engine):
    """All events, in the order of their entries."""

    def read():
        with engine.connect() as connection:
            return connection.execute(select(EVENTS).order_by(EVENTS.c.entry)).all()

    return read


@pytest.fixture
def pass_time(engine):
    """Whatever waits is due now; answers for how long it would have waited, in whole seconds."""

    def move():
        with engine.begin() as connection:
            waits = connection.execute(
                select(EVENTS.c.next_at - func.clock_timestamp()).where(EVENTS.c.state == "pending")
            )
            longest = max((wait.total_seconds() for wait in waits.scalars()), default=0)
            connection.execute(update(EVENTS).where(EVENTS.c.state == "pending").values(next_at=func.clock_timestamp()))
        return round(longest)

    return move


def round_of(tools):
    """What the worker does every five seconds."""
    return telling.collect(tools), telling.deliver_due(tools)


def test_entry_that_is_told_becomes_one_delivered_event(tools, platform, happen, rows):
    number = happen(plan="team")
    assert round_of(tools) == (1, 1)
    assert round_of(tools) == (0, 0)
    (event,) = rows()
    assert (event.entry, event.type, event.state, event.attempts) == (number, "subscription.renewed", "delivered", 1)
    assert (event.status, event.cause, event.next_at, event.account) == (204, None, None, "acct-a")
    assert event.delivered_at is not None
    assert platform.ids == [event.id]


def test_body_tells_the_entry_and_the_record_after_it(tools, platform, happen, engine):
    number = happen(plan="team", account_name="x", entry="not this one", version="nor this")
    round_of(tools)
    with engine.connect() as connection:
        entry = connection.execute(select(ENTRIES)).one()
    ((_, body, moment),) = platform.told
    assert body == {
        "type": "subscription.renewed",
        "timestamp": entry.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "data": {
            "account": "acct-a", "subject": entry.subject, "version": 3, "entry": number, "plan": "team", "account_name": "x",
        },
    }  # fmt: skip
    assert abs(moment - entry.at) < timedelta(minutes=5)


def test_same_bytes_are_sent_each_time(tools, platform, happen, engine):
    happen(b=1, a=2)
    with engine.connect() as connection:
        (entry,) = database.many(connection, select(ENTRIES), telling.Entry)
    assert telling.body_of(entry) == telling.body_of(entry)
    assert telling.body_of(entry).startswith(b'{"data":{"a":2,"account":"acct-a","b":1,')


def test_entry_that_nobody_is_told_of_makes_no_event(tools, platform, happen, rows):
    happen(UNTOLD)
    assert round_of(tools) == (0, 0)
    assert rows() == []


def test_purchase_is_told_once_for_each_effect(make_tools, platform, bluesnap):
    from tests.support.desk import Desk

    desk = Desk(make_tools(platform=platform), bluesnap)
    telling.collect(desk.tools)
    desk.buy()
    round_of(desk.tools)
    told = sorted(body["type"] for _, body, _ in platform.told)
    assert told == ["charge.recorded", "session.completed", "subscription.activated"]


def test_nobody_is_told_while_there_is_no_address(make_tools, platform, happen, rows):
    without = make_tools()
    happen()
    assert round_of(without) == (0, 0)
    assert rows() == []


def test_telling_begins_with_what_happens_after_it_was_switched_on(make_tools, platform, happen, rows):
    happen()
    tools = make_tools(platform=platform)
    assert round_of(tools) == (0, 0)
    number = happen()
    assert round_of(tools) == (1, 1)
    assert [event.entry for event in rows()] == [number]


def test_what_happened_while_the_address_was_taken_away_is_told_later(tools, make_tools, platform, happen, rows):
    happen()
    round_of(make_tools())
    assert round_of(tools) == (1, 1)


def test_more_entries_than_one_page_are_all_collected(tools, happen, rows, monkeypatch):
    monkeypatch.setattr(telling, "BATCH", 3)
    numbers = [happen(act) for act in (TOLD, UNTOLD, TOLD, TOLD, UNTOLD, TOLD, TOLD)]
    assert telling.collect(tools) == 5
    assert [event.entry for event in rows()] == [numbers[turn] for turn in (0, 2, 3, 5, 6)]


def test_entry_that_commits_late_is_told_too(tools, engine, happen, rows):
    with engine.connect() as late:
        write(late, TOLD, Origin("worker"), subject=new_id("sub"), image={})
        happen()
        telling.collect(tools)
        late.commit()
    telling.collect(tools)
    assert len(rows()) == 2


def test_two_workers_at_once_make_one_event_of_each_entry(tools, happen, rows):
    for _ in range(20):
        happen()
    gate = threading.Barrier(4)

    def collect():
        gate.wait(10)
        return telling.collect(tools)

    with ThreadPoolExecutor(4) as pool:
        made = [pool.submit(collect) for _ in range(4)]
    assert sum(item.result() for item in made) + telling.collect(tools) == 20
    assert len({event.entry for event in rows()}) == len(rows()) == 20


def test_two_workers_at_once_tell_each_event_once(tools, platform, happen, rows):
    for _ in range(20):
        happen()
    telling.collect(tools)
    gate = threading.Barrier(4)

    def deliver():
        gate.wait(10)
        return telling.deliver_due(tools)

    with ThreadPoolExecutor(4) as pool:
        attempts = [pool.submit(deliver) for _ in range(4)]
    assert sum(item.result() for item in attempts) == 20
    assert len(set(platform.ids)) == len(platform.ids) == 20
    assert {event.state for event in rows()} == {"delivered"}


def test_no_transaction_is_open_while_the_platform_is_told(tools, platform, happen, engine):
    open_ones = []

    def look():
        with engine.connect() as connection:
            count = (
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%%'"
            )
            open_ones.append(connection.exec_driver_sql(count).scalar_one())

    platform.meanwhile = look
    happen()
    round_of(tools)
    assert open_ones == [0]


def test_failed_attempts_follow_the_schedule_and_end(tools, platform, happen, rows, pass_time):
    platform.outcomes = [BROKEN] * 8
    happen()
    telling.collect(tools)
    pauses = []
    while telling.deliver_due(tools):
        pauses.append(pass_time())
    assert pauses == [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000, 0]
    (event,) = rows()
    assert (event.state, event.attempts, event.status, event.cause, event.next_at) == (
        "failed",
        8,
        500,
        "server_error",
        None,
    )
    assert len(set(platform.ids)) == 1, "the platform knows repetitions by the id"


def test_platform_that_comes_back_gets_the_event(tools, platform, happen, rows, pass_time):
    platform.outcomes = [NOBODY, BROKEN]
    happen()
    round_of(tools)
    assert [(event.state, event.status, event.cause) for event in rows()] == [("pending", None, "connection_refused")]
    assert telling.deliver_due(tools) == 0, "it waits for its time"
    pass_time()
    telling.deliver_due(tools)
    pass_time()
    telling.deliver_due(tools)
    assert [(event.state, event.attempts, event.cause) for event in rows()] == [("delivered", 3, None)]


def test_platform_that_does_not_answer_is_asked_once_a_round(tools, platform, happen):
    platform.outcomes = [NOBODY, BROKEN]
    for _ in range(4):
        happen()
    assert round_of(tools) == (4, 1)
    assert telling.deliver_due(tools) == 3


def test_older_entries_are_told_first(tools, platform, happen):
    numbers = [happen() for _ in range(5)]
    round_of(tools)
    assert [body["data"]["entry"] for _, body, _ in platform.told] == numbers


def test_process_that_dies_has_its_event_told_by_another(tools, platform, happen, rows, pass_time):
    platform.outcomes = [DONE]
    platform.meanwhile = lambda: (_ for _ in ()).throw(KeyboardInterrupt)
    happen()
    with pytest.raises(KeyboardInterrupt):
        round_of(tools)
    platform.meanwhile = None
    assert telling.deliver_due(tools) == 0, "the lease still runs"
    assert 40 <= pass_time() <= 45
    assert telling.deliver_due(tools) == 1
    assert [(event.state, event.attempts) for event in rows()] == [("delivered", 2)]


def test_slow_process_cannot_undo_what_another_has_delivered(tools, platform, happen, rows, pass_time):
    platform.outcomes = [BROKEN]
    happen()
    telling.collect(tools)

    def another():
        platform.meanwhile = None
        pass_time()
        platform.outcomes.insert(0, DONE)
        assert telling.deliver_due(tools) == 1

    platform.meanwhile = another
    telling.deliver_due(tools)
    assert [(event.state, event.attempts, event.cause) for event in rows()] == [("delivered", 2, None)]


def test_event_that_was_sent_again_is_told_again_under_its_id(tools, platform, happen, rows, engine):
    happen()
    round_of(tools)
    (event,) = rows()
    with engine.begin() as connection:
        assert events.resend(connection, Origin("operator"), event_id=event.id) == 1
    assert round_of(tools) == (0, 1)
    assert platform.ids == [event.id, event.id]
    with engine.connect() as connection:
        last = connection.execute(select(ENTRIES).order_by(ENTRIES.c.number.desc()).limit(1)).one()
    assert (last.act, last.actor, last.subject, last.account) == ("event.resent", "operator", event.id, "acct-a")


def test_failed_events_are_sent_again_together_with_all_attempts(tools, platform, happen, rows, pass_time, engine):
    platform.outcomes = [BROKEN] * 16
    for _ in range(3):
        happen()
    telling.collect(tools)
    platform.outcomes = [DONE] + [BROKEN] * 16
    while telling.deliver_due(tools):
        pass_time()
    assert sorted(event.state for event in rows()) == ["delivered", "failed", "failed"]
    with engine.begin() as connection:
        assert events.resend(connection, Origin("operator")) == 2
        assert events.resend(connection, Origin("operator")) == 0
    assert sorted(event.attempts for event in rows()) == [0, 0, 1]
    telling.deliver_due(tools)
    assert {event.state for event in rows()} == {"delivered"}


def test_attempts_are_counted_and_logged_without_the_body(tools, platform, happen, pass_time, logged):
    platform.outcomes = [BROKEN]
    happen(plan="zqxcanary")
    before = reading("panless_events_total", outcome="postponed"), reading("panless_events_total", outcome="delivered")
    round_of(tools)
    pass_time()
    telling.deliver_due(tools)
    after = reading("panless_events_total", outcome="postponed"), reading("panless_events_total", outcome="delivered")
    assert [new - old for new, old in zip(after, before, strict=True)] == [1, 1]
    lines = [json.loads(line) for line in logged().splitlines()]
    (postponed,) = [line for line in lines if line["event"] == "event.postponed"]
    assert (postponed["level"], postponed["cause"], postponed["status"], postponed["attempt"]) == (
        "warning",
        "server_error",
        500,
        1,
    )
    assert postponed["event_id"] == platform.ids[0]
    assert "zqxcanary" not in logged()


def test_every_act_that_is_told_is_told_once():
    assert len(set(telling.TOLD)) == len(telling.TOLD)
    assert set(telling.TOLD) < set(Act)
