"""A renewal that fails, through the sixty days of grace in both endings, whether BlueSnap tells of it or not: full access until the last minute.

One passage through those days with every notice, one without any; in each of them four accounts live, and each test looks at one thing of one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import pytest
from journeys_calendar import PACIFIC, PATIENCE, after, at, before, month_later, starts
from journeys_life import FREE, life_stage, usd
from journeys_stage import eventually, new_name

#: The first test waits for all that happens.
pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

GRACE = 60
#: The plan of those whom BlueSnap itself would go on trying for ever.
BUSINESS = "/recurring/plans/2340002"
ACCOUNTS = {
    "pays on day 59": "team",
    "never pays, BlueSnap cancels": "team",
    "never pays, BlueSnap goes on": "business",
    "types another card": "team",
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with life_stage(tmp_path_factory.mktemp("grace")) as running:
        yield running


@dataclass
class Passage:
    """What was seen at each stop, by stop and by account."""

    names: dict
    renews_on: date
    seen: dict = field(default_factory=dict)
    calls: dict = field(default_factory=dict)


def look_around(stage, passage, stop):
    """Keep what the API says and what BlueSnap has done, for every account."""
    passage.seen[stop] = {
        who: (stage.account(name), stage.charged(name), stage.standing(name)) for who, name in passage.names.items()
    }


def status_of(stage, name):
    subscription = stage.subscription(name)
    return subscription and subscription["status"]


def await_status(stage, name, status):
    eventually(lambda: status_of(stage, name) == status, within=PATIENCE)


def live_through(stage):
    """From a purchase on the 10th to a month after the end of grace."""
    bought_on = month_later(stage.today()).replace(day=10)
    stage.go_to(at(bought_on))
    passage = Passage({who: new_name() for who in ACCOUNTS}, month_later(bought_on))
    pays, ends, lingers, replaces = passage.names.values()
    for who, name in passage.names.items():
        stage.buy(name, ACCOUNTS[who])
        stage.card_is(name, "INSUFFICIENT_FUNDS")
    due, last = passage.renews_on, passage.renews_on + timedelta(days=GRACE)
    stage.go_to(after(due))
    look_around(stage, passage, "the first minute")
    # without a notice, silence is a failure only a day later
    stage.go_to(after(due + timedelta(days=2)))
    for name in passage.names.values():
        await_status(stage, name, "past_due")
    look_around(stage, passage, "day 2")
    stage.card_is(replaces, "success")
    stage.go_to(after(due + timedelta(days=20)))
    await_status(stage, replaces, "active")
    look_around(stage, passage, "day 20")
    stage.go_to(before(last - timedelta(days=1)))
    stage.card_is(pays, "success")
    look_around(stage, passage, "day 58")
    stage.go_to(after(last - timedelta(days=1)))
    await_status(stage, pays, "active")
    stage.go_to(before(last))
    look_around(stage, passage, "the last minute")
    stage.go_to(after(last))
    look_around(stage, passage, "over")
    for name in (ends, lingers):
        eventually(lambda name=name: stage.standing(name)["status"] == "CANCELED", within=PATIENCE)
    eventually(lambda: stage.subscription(ends) is stage.subscription(lingers) is None, within=PATIENCE)
    stage.looked()
    ended = [*stage.received("update_subscription")]
    passage.calls = {
        who: [one["body"] for one in ended if one["path"].endswith(f"/{stage.known(name).subscription}")]
        for who, name in passage.names.items()
    }
    stage.go_to(after(last + timedelta(days=31)))
    look_around(stage, passage, "a month later")
    return passage


@pytest.fixture(scope="module", params=["send", "drop"])
def passage(request, stage):
    stage.bluesnap("PUT", BUSINESS, {"gracePeriodDays": 120})
    stage.lever("notices", {"mode": request.param})
    yield live_through(stage)
    stage.lever("notices", {"mode": "send"})
    stage.bluesnap("PUT", BUSINESS, {"gracePeriodDays": GRACE})


def seen(passage, stop, who):
    return passage.seen[stop][who]


@pytest.mark.parametrize("who", ACCOUNTS)
def test_renewal_that_failed_leaves_the_account_its_plan(passage, who):
    account, charged, _ = seen(passage, "the first minute", who)
    assert (account["access"]["plan"], account["access"]["members"]) == (ACCOUNTS[who], 3)
    assert account["access"]["reason"] in {"renewing", "grace"}
    assert len(charged) == 1


@pytest.mark.parametrize("stop", ["day 2", "day 20", "day 58", "the last minute"])
@pytest.mark.parametrize("who", ["never pays, BlueSnap cancels", "never pays, BlueSnap goes on"])
def test_grace_counts_from_the_end_of_the_paid_period(passage, who, stop):
    account, charged, _ = seen(passage, stop, who)
    access, end = account["access"], starts(passage.renews_on + timedelta(days=GRACE))
    assert (access["plan"], access["members"], access["reason"]) == (ACCOUNTS[who], 3, "grace")
    assert datetime.fromisoformat(access["until"]) == end
    assert (account["subscription"]["status"], account["subscription"]["renews"]) == ("past_due", True)
    assert datetime.fromisoformat(account["subscription"]["paid_until"]) == starts(passage.renews_on)
    assert len(charged) == 1


@pytest.mark.parametrize(
    ("who", "stop", "paid_on"), [("pays on day 59", "the last minute", 59), ("types another card", "day 20", 3)]
)
def test_retry_that_works_ends_the_grace(stage, passage, who, stop, paid_on):
    account, charged, _ = seen(passage, stop, who)
    assert charged == ["87.00", "87.00"]
    paid_at = datetime.fromisoformat(stage.taken(passage.names[who])[1]["at"]).astimezone(PACIFIC)
    assert paid_at.date() == passage.renews_on + timedelta(days=paid_on)
    assert (account["access"]["plan"], account["access"]["reason"]) == ("team", "paid")
    subscription = account["subscription"]
    assert subscription["status"] == "active"
    next_on = date.fromisoformat(subscription["next_charge"]["date"])
    assert next_on > paid_at.date()
    assert datetime.fromisoformat(subscription["paid_until"]) == starts(next_on)


@pytest.mark.parametrize("who", ["pays on day 59", "types another card"])
def test_account_that_paid_goes_on_renewing(passage, who):
    account, charged, standing = seen(passage, "a month later", who)
    assert account["access"]["plan"] == "team"
    assert set(charged) == {"87.00"}
    assert len(charged) >= 3
    assert (standing["status"], standing["auto_renew"]) == ("ACTIVE", True)
    assert account["subscription"]["next_charge"]["total"] == usd(87)


@pytest.mark.parametrize("stop", ["over", "a month later"])
@pytest.mark.parametrize("who", ["never pays, BlueSnap cancels", "never pays, BlueSnap goes on"])
def test_account_falls_to_community_the_minute_its_grace_is_over(passage, who, stop):
    account, charged, _ = seen(passage, stop, who)
    assert account["access"] == FREE
    assert len(charged) == 1


@pytest.mark.parametrize("who", ["never pays, BlueSnap cancels", "never pays, BlueSnap goes on"])
def test_subscription_whose_grace_is_over_is_canceled_at_bluesnap(passage, who):
    account, _, standing = seen(passage, "a month later", who)
    assert account["subscription"] is None
    assert standing["status"] == "CANCELED"


def test_service_cancels_what_bluesnap_has_not_and_nothing_else(passage):
    canceled = {
        who for who, bodies in passage.calls.items() if any(body.get("status") == "CANCELED" for body in bodies)
    }
    assert canceled == {"never pays, BlueSnap goes on"}
    assert {who: len(bodies) for who, bodies in passage.calls.items() if bodies} == {"never pays, BlueSnap goes on": 1}


def test_account_that_fell_to_community_may_buy_again(stage, passage):
    name = passage.names["never pays, BlueSnap cancels"]
    bought = stage.buy(name, "business", 1)
    assert (bought["plan"], bought["status"]) == ("business", "active")
    assert stage.account(name)["access"]["plan"] == "business"
