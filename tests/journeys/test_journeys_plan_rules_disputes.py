"""A cardholder disputes a charge: what the account may use meanwhile, what BlueSnap is told, and both ends of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import pytest
from journeys_calendar import PATIENCE, after, at, before, month_later, starts
from journeys_life import FREE, life_stage, usd
from journeys_stage import eventually, new_name, problem

#: The first test waits for all that happens.
pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

ENDS = {"won": "Completed_Won", "lost": "Completed_Lost", "open": None}


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with life_stage(tmp_path_factory.mktemp("disputes")) as running:
        yield running


@dataclass
class Case:
    """One account and its dispute."""

    name: str
    dispute: str = ""
    seen: dict = field(default_factory=dict)
    refused: object = None


@dataclass
class Court:
    """All cases; `renews_on` is the end of the period that was paid and is disputed."""

    renews_on: date
    cases: dict


def look_around(stage, court, stop):
    for case in court.cases.values():
        case.seen[stop] = stage.account(case.name), stage.charges(case.name), stage.standing(case.name)


def await_all(court, holds):
    for case in court.cases.values():
        eventually(lambda case=case: holds(case), within=PATIENCE)


@pytest.fixture(scope="module")
def court(stage):
    """Three disputes of the first charge: one is won, one lost, one open beyond the paid period."""
    bought_on = month_later(stage.today()).replace(day=10)
    stage.go_to(at(bought_on))
    court = Court(month_later(bought_on), {end: Case(new_name()) for end in ENDS})
    for case in court.cases.values():
        stage.buy(case.name)
        [charge] = stage.taken(case.name)
        case.dispute = stage.lever("chargeback", {"transaction_id": charge["id"]})["id"]
    await_all(court, lambda case: not stage.standing(case.name)["auto_renew"])
    await_all(court, lambda case: stage.subscription(case.name)["status"] == "disputed")
    stage.looked()
    look_around(stage, court, "disputed")
    for case in court.cases.values():
        [charge] = stage.charges(case.name)
        case.refused = stage.refund(charge["id"], 1), stage.patch(case.name, members=4)
    for end, status in ENDS.items():
        if status is not None:
            stage.lever("chargeback_status", {"id": court.cases[end].dispute, "status": status})
    eventually(lambda: stage.standing(court.cases["won"].name)["auto_renew"], within=PATIENCE)
    eventually(lambda: stage.subscription(court.cases["won"].name)["renews"], within=PATIENCE)
    eventually(lambda: stage.subscription(court.cases["lost"].name)["status"] == "active", within=PATIENCE)
    stage.looked()
    look_around(stage, court, "decided")
    stage.go_to(before(court.renews_on))
    look_around(stage, court, "the last minute")
    stage.go_to(after(court.renews_on))
    look_around(stage, court, "over")
    stage.go_to(after(court.renews_on + timedelta(days=2)))
    eventually(lambda: stage.subscription(court.cases["won"].name)["next_charge"]["date"] > str(court.renews_on))
    look_around(stage, court, "two days later")
    return court


def test_disputed_charge_keeps_the_plan_to_the_end_of_the_period(court):
    for case in court.cases.values():
        account, [charge], standing = case.seen["disputed"]
        assert account["subscription"]["status"] == "disputed"
        access = account["access"]
        assert (access["plan"], access["members"], access["reason"]) == ("team", 3, "disputed")
        assert datetime.fromisoformat(access["until"]) == starts(court.renews_on)
        assert (charge["disputed"], charge["amount"], charge["refundable"]) == (True, usd(87), usd(0))
        assert (standing["status"], standing["auto_renew"]) == ("ACTIVE", False)


def test_disputed_charge_is_not_refunded_nor_its_subscription_changed(court):
    for case in court.cases.values():
        refund, change = case.refused
        problem(refund, 409, "charge_disputed")
        problem(change, 409, "subscription_disputed")


def test_dispute_that_is_won_restores_everything(court):
    account, [charge], standing = court.cases["won"].seen["decided"]
    assert (account["subscription"]["status"], account["subscription"]["renews"]) == ("active", True)
    assert (account["access"]["plan"], account["access"]["reason"]) == ("team", "paid")
    assert account["subscription"]["next_charge"] == {"date": court.renews_on.isoformat(), "total": usd(87)}
    assert (charge["disputed"], charge["refundable"]) == (False, usd(87))
    assert standing["auto_renew"] is True
    account, charges, _ = court.cases["won"].seen["two days later"]
    assert (account["access"]["plan"], account["access"]["reason"]) == ("team", "paid")
    assert [charge["amount"] for charge in charges] == [usd(87), usd(87)]


def test_dispute_that_is_lost_ends_with_the_period_and_counts_as_given_back(stage, court):
    case = court.cases["lost"]
    account, [charge], standing = case.seen["decided"]
    assert (account["subscription"]["renews"], account["subscription"]["next_charge"]) == (False, None)
    assert (account["access"]["plan"], account["access"]["reason"]) == ("team", "canceled")
    assert (charge["refundable"], standing["auto_renew"]) == (usd(0), False)
    problem(stage.refund(charge["id"], 1), 409, "refund_above_remainder")
    assert stage.done_for(case.name, "refund") == []


@pytest.mark.parametrize("end", ["lost", "open"])
def test_disputed_period_is_not_followed_by_another(court, end):
    case = court.cases[end]
    account, _, _ = case.seen["the last minute"]
    assert (account["access"]["plan"], account["access"]["members"]) == ("team", 3)
    for stop in ("over", "two days later"):
        account, charges, _ = case.seen[stop]
        assert account["access"] == FREE
        assert [charge["amount"] for charge in charges] == [usd(87)]


def test_ended_subscription_is_canceled_at_bluesnap_and_bought_anew(stage, court):
    case = court.cases["lost"]
    assert case.seen["two days later"][2]["status"] == "CANCELED"
    assert stage.buy(case.name, "team", 1)["status"] == "active"
