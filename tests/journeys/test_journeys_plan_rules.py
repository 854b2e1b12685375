"""The published plan rules, told as stories on BlueSnap's clock: what an account may use by the API, what it paid by BlueSnap's ledger.

Each worked example is told as it stands, and with every act a minute after and a minute before midnight of the billing zone; all of them are told
on one calendar, and each test looks at one.
"""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from journeys_calendar import (
    FIRST_MINUTE,
    LAST_MINUTE,
    NOON,
    Life,
    after,
    at,
    before,
    month_later,
    starts,
    summer_time,
    told_on_one_calendar,
)
from journeys_life import life_stage, usd
from journeys_stage import new_name

#: The first test waits until all stories are told; one that goes wrong may wait long for what does not come.
pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]
CLOCKS = {"noon": NOON, "first minute": FIRST_MINUTE, "last minute": LAST_MINUTE}
CHANGES_OF_TIME = {"March": 0, "November": 1}
#: From the day on which the hour is changed to the billing day: both have midnights of another offset on one of their sides.
DAYS_AFTER = {"that day": 0, "the day after": 1}


# the worked examples


def ten_upgraded_on_the_17th(life, year, clock):
    """Ten Team members paid on the 11th, upgraded on 17 April: Business from the 17th, ten Business members charged on 11 May."""
    yield at(date(year, 4, 11), clock)
    life.buys("team", 10)
    yield at(date(year, 4, 16), clock)
    assert life.uses() == ("team", 10)
    yield at(date(year, 4, 17), clock)
    foretold = life.preview(plan="business")
    assert (foretold["plan_from"], foretold["due_now"]) == (None, usd(0))
    assert foretold["next_charge"] == {"date": f"{year}-05-11", "total": usd(490)}
    changed = life.change(plan="business")
    assert (changed["next_charge"], changed["applies_from"]) == (foretold["next_charge"], f"{year}-05-11")
    assert life.uses() == ("business", 10)
    yield before(date(year, 5, 11))
    assert (life.uses(), life.paid()) == (("business", 10), [290])
    yield after(date(year, 5, 11))
    assert (life.uses(), life.paid()) == (("business", 10), [290, 490])
    yield before(date(year, 6, 11))
    life.renewed()
    assert life.until() == starts(date(year, 6, 11))
    yield after(date(year, 6, 11))
    assert life.paid() == [290, 490, 490]


def five_and_three_more_in_october(life, year, clock):
    """Five Team members billed on the 15th, three more on 4 October: eight charged on 15 October."""
    yield at(date(year, 9, 15), clock)
    life.buys("team", 5)
    yield at(date(year, 10, 4), clock)
    foretold = life.preview(members=8)
    assert foretold["next_charge"] == {"date": f"{year}-10-15", "total": usd(232)}
    assert life.change(members=8)["next_charge"] == foretold["next_charge"]
    assert life.uses() == ("team", 8)
    yield before(date(year, 10, 15))
    assert life.paid() == [145]
    yield after(date(year, 10, 15))
    assert (life.uses(), life.paid()) == (("team", 8), [145, 232])


def twenty_and_five_removed_in_september(life, year, clock):
    """Twenty members billed on the 21st, five removed before 30 September: fifteen charged at the next billing date."""
    yield at(date(year, 9, 21), clock)
    life.buys("team", 20)
    yield at(date(year, 9, 29), clock)
    assert life.change(members=15)["next_charge"] == {"date": f"{year}-10-21", "total": usd(435)}
    assert life.uses() == ("team", 15)
    yield before(date(year, 10, 21))
    assert life.paid() == [580]
    yield after(date(year, 10, 21))
    assert (life.uses(), life.paid()) == (("team", 15), [580, 435])


def cancelled_on_10_june(life, year, clock):
    """A Team plan paid on 5 June, cancelled on 10 June: Team until 4 July, Community from 5 July."""
    yield at(date(year, 6, 5), clock)
    life.buys("team", 3)
    yield at(date(year, 6, 10), clock)
    cancelled = life.cancel()
    assert (cancelled["renews"], cancelled["next_charge"]) == (False, None)
    assert life.until() == starts(date(year, 7, 5))
    yield before(date(year, 7, 5))
    assert life.uses() == ("team", 3)
    yield after(date(year, 7, 5))
    assert life.uses() == ("community", None)
    yield after(date(year, 8, 5))
    assert (life.uses(), life.paid()) == (("community", None), [87])


EXAMPLES = {
    "ten upgraded on 17 April": ten_upgraded_on_the_17th,
    "five and three more on 4 October": five_and_three_more_in_october,
    "twenty and five removed before 30 September": twenty_and_five_removed_in_september,
    "cancelled on 10 June": cancelled_on_10_june,
}


# the same across the changes of summer time


def upgraded_before_the_day(life, day, clock):
    """Paid on one side of the change of the hour, renewed on the other."""
    yield at(day.replace(month=day.month - 1), clock)
    life.buys("team", 4)
    assert life.until() == starts(day)
    yield at(day - timedelta(days=3), clock)
    life.change(plan="business", members=5)
    yield before(day)
    assert (life.uses(), life.paid()) == (("business", 5), [116])
    yield after(day)
    assert (life.uses(), life.paid()) == (("business", 5), [116, 245])
    yield before(month_later(day))
    life.renewed()
    assert life.until() == starts(month_later(day))


def cancelled_before_the_day(life, day, clock):
    """Paid on one side of the change of the hour, over on the other."""
    yield at(day.replace(month=day.month - 1), clock)
    life.buys("business", 2)
    yield at(day - timedelta(days=3), clock)
    life.cancel()
    yield before(day)
    assert life.uses() == ("business", 2)
    yield after(day)
    assert (life.uses(), life.paid()) == (("community", None), [98])


ACROSS = {"upgraded": upgraded_before_the_day, "cancelled": cancelled_before_the_day}


# a minute makes the difference


def changed_a_minute_before_the_day(life, day):
    yield at(day.replace(month=day.month - 1))
    life.buys("team", 2)
    yield before(day)
    assert life.change(plan="business")["next_charge"] == {"date": day.isoformat(), "total": usd(98)}
    yield after(day)
    assert life.paid() == [58, 98]


def changed_a_minute_after_the_day_began(life, day):
    yield at(day.replace(month=day.month - 1))
    life.buys("team", 2)
    yield after(day)
    life.renewed()
    changed = life.change(plan="business")
    assert (life.uses(), changed["applies_from"]) == (("business", 2), month_later(day).isoformat())
    yield after(month_later(day))
    assert life.paid() == [58, 58, 98]


def cancelled_a_minute_before_the_day(life, day):
    yield at(day.replace(month=day.month - 1))
    life.buys("team", 2)
    yield before(day)
    life.cancel()
    assert life.uses() == ("team", 2)
    yield after(day)
    assert (life.uses(), life.paid()) == (("community", None), [58])


def cancelled_a_minute_after_the_day_began(life, day):
    yield at(day.replace(month=day.month - 1))
    life.buys("team", 2)
    yield after(day)
    life.renewed()
    life.cancel()
    yield before(month_later(day))
    assert life.uses() == ("team", 2)
    yield after(month_later(day))
    assert (life.uses(), life.paid()) == (("community", None), [58, 58])


MINUTES = {
    "changed a minute before the billing day": changed_a_minute_before_the_day,
    "changed a minute after it began": changed_a_minute_after_the_day_began,
    "cancelled a minute before the billing day": cancelled_a_minute_before_the_day,
    "cancelled a minute after it began": cancelled_a_minute_after_the_day_began,
}


# less


def downgraded(life, day, clock):
    """The dearer plan to the end of what it was paid for; the cheaper one, and its price, after it."""
    yield at(day.replace(month=day.month - 1), clock)
    life.buys("business", 6)
    yield at(day - timedelta(days=9), clock)
    foretold = life.preview(plan="team")
    assert (foretold["plan_from"], foretold["next_charge"]["total"]) == (day.isoformat(), usd(174))
    changed = life.change(plan="team")
    assert (changed["plan"], changed["next_plan"]) == ("business", "team")
    assert changed["next_charge"] == foretold["next_charge"]
    yield before(day)
    assert (life.uses(), life.paid()) == (("business", 6), [294])
    yield after(day)
    assert life.paid() == [294, 174]
    yield before(month_later(day))
    life.renewed()
    assert life.uses() == ("team", 6)
    yield after(month_later(day))
    assert life.paid() == [294, 174, 174]


def downgraded_and_back(life, day):
    """Who comes back to the dearer plan before the cheaper one began has never left it."""
    yield at(day.replace(month=day.month - 1))
    life.buys("business", 6)
    yield at(day - timedelta(days=9))
    life.change(plan="team")
    yield at(day - timedelta(days=8))
    assert life.change(plan="business")["next_plan"] is None
    yield after(day)
    assert (life.uses(), life.paid()) == (("business", 6), [294, 294])


def downgraded_and_unpaid(life, day):
    """What grace keeps is the plan of the period that is not paid yet: the cheaper one."""
    yield at(day.replace(month=day.month - 1))
    life.buys("business", 6)
    yield at(day - timedelta(days=9))
    life.change(plan="team")
    life.stage.card_is(life.name, "INSUFFICIENT_FUNDS")
    yield before(day)
    assert life.uses() == ("business", 6)
    yield after(day)
    assert (life.uses(), life.paid()) == (("team", 6), [294])
    yield after(day + timedelta(days=5))
    assert (life.uses(), life.paid()) == (("team", 6), [294])


def all_stories(stage):
    """Every story of this file, by what its test calls it."""
    year = stage.today().year + 1

    def told(story, *when):
        return story(Life(stage, new_name()), *when)

    stories = {
        (example, clock): told(story, year, CLOCKS[clock]) for example, story in EXAMPLES.items() for clock in CLOCKS
    }
    for change, number in CHANGES_OF_TIME.items():
        for later, days in DAYS_AFTER.items():
            day = summer_time(year)[number] + timedelta(days=days)
            stories |= {(what, change, later): told(story, day, NOON) for what, story in ACROSS.items()}
    stories |= {what: told(story, date(year, 5, 20)) for what, story in MINUTES.items()}
    stories |= {("downgraded", clock): told(downgraded, date(year, 8, 25), CLOCKS[clock]) for clock in CLOCKS}
    stories["downgraded and back"] = told(downgraded_and_back, date(year, 8, 25))
    stories["downgraded and unpaid"] = told(downgraded_and_unpaid, date(year, 8, 25))
    return stories


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    with life_stage(tmp_path_factory.mktemp("rules")) as stage:
        yield told_on_one_calendar(stage, all_stories(stage))


def check(outcome):
    """Fail as the story did."""
    if outcome is not None:
        raise outcome


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("example", EXAMPLES)
def test_worked_example_holds_at_every_time_of_day(outcomes, example, clock):
    check(outcomes[example, clock])


@pytest.mark.parametrize("later", DAYS_AFTER)
@pytest.mark.parametrize("change", CHANGES_OF_TIME)
@pytest.mark.parametrize("what", ACROSS)
def test_billing_day_begins_at_midnight_across_changes_of_summer_time(outcomes, what, change, later):
    check(outcomes[what, change, later])


@pytest.mark.parametrize("what", MINUTES)
def test_minute_before_midnight_is_still_the_day_before(outcomes, what):
    check(outcomes[what])


@pytest.mark.parametrize("clock", CLOCKS)
def test_downgrade_keeps_the_dearer_plan_while_it_is_paid(outcomes, clock):
    check(outcomes["downgraded", clock])


def test_downgrade_that_is_taken_back_leaves_no_trace(outcomes):
    check(outcomes["downgraded and back"])


def test_cheaper_plan_begins_with_its_day_paid_or_not(outcomes):
    check(outcomes["downgraded and unpaid"])


def test_story_that_goes_wrong_fails_alone():
    stage = StillStage()

    def wrong(day):
        yield at(day)
        raise AssertionError

    def right(day):
        yield at(day)
        yield after(month_later(day))

    told = told_on_one_calendar(stage, {"wrong": wrong(date(2027, 3, 1)), "right": right(date(2027, 2, 1))})
    assert (type(told["wrong"]), told["right"]) == (AssertionError, None)
    assert stage.moments[1:] == [at(date(2027, 2, 1)), after(date(2027, 3, 1)), at(date(2027, 3, 1))]


class StillStage:
    """A clock and nothing else."""

    def __init__(self):
        self.moments = [at(date(2027, 1, 1))]

    def now(self):
        return self.moments[-1]

    def go_to(self, moment):
        self.moments.append(moment)
