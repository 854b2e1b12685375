"""Changing plan and members, and giving money back: what is refused, and what happens when two want it at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from journeys_life import life_stage, terms
from journeys_stage import at_once, new_name, problem, told

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with life_stage(tmp_path_factory.mktemp("changes")) as running:
        yield running


def nothing_asked(stage, since, *calls):
    """Whether BlueSnap got none of these requests since then."""
    return not [one for call in calls for one in stage.received(call) if one["n"] > since]


def asked_until_now(stage):
    return max((one["n"] for one in stage.lever("received")["requests"]), default=0)


# what is refused, before BlueSnap hears of it

CALLS = {
    "PATCH": ("PATCH", "", {"json": {"members": 5}}),
    "preview": ("GET", "/preview", {"params": {"members": 5}}),
    "cancellation": ("POST", "/cancellation", {"json": {}}),
    "undo": ("DELETE", "/cancellation", {}),
}
WISHES = {
    "no members": ({"members": 0}, "members_out_of_range"),
    "less than none": ({"members": -1}, "members_out_of_range"),
    "more than anybody has": ({"members": 100_001}, "members_out_of_range"),
    "half a member": ({"members": 1.5}, "members_out_of_range"),
    "a plan that is not there": ({"plan": "enterprise"}, "plan_unknown"),
    "the plan that is free": ({"plan": "community"}, "plan_unknown"),
    "nothing": ({}, "field_missing"),
    "a price": ({"members": 5, "total": "1.00"}, "field_unknown"),
}


@pytest.mark.parametrize("call", CALLS)
def test_account_without_subscription_has_nothing_to_change(stage, name, call):
    method, path, more = CALLS[call]
    problem(stage.ask(method, name, path, **more), 404, "subscription_not_found")


@pytest.fixture(scope="module")
def wished_for(stage):
    """An account whom impossible things are wished for, and what it was before."""
    name = new_name()
    stage.buy(name)
    stage.looked()
    return name, stage.account(name)


@pytest.mark.parametrize("wish", WISHES)
def test_impossible_wish_is_refused_and_bluesnap_hears_nothing(stage, wished_for, wish):
    (name, account), since = wished_for, asked_until_now(stage)
    body, code = WISHES[wish]
    refused = problem(stage.patch(name, **body), 422, code)
    assert [error["code"] for error in refused["errors"]] == [code]
    assert stage.account(name) == account
    assert nothing_asked(stage, since, "update_subscription")
    assert stage.read_at_bluesnap(name, since) == 0


def test_wrong_version_is_refused_and_the_right_one_taken(stage, name):
    version = stage.buy(name)["version"]
    refused = problem(stage.patch(name, version=version + 1, members=5), 412, "version_wrong")
    assert refused["version"] == version
    answer = stage.patch(name, version=version, members=5)
    assert (answer.status_code, answer.json()["members"]) == (200, 5)
    assert answer.headers["ETag"] == f'"{answer.json()["version"]}"'
    problem(stage.patch(name, version=version, members=6), 412, "version_wrong")


def test_cancelled_subscription_is_not_changed_until_it_is_resumed(stage, name):
    stage.buy(name)
    stage.cancel(name)
    since = asked_until_now(stage)
    problem(stage.patch(name, members=5), 409, "subscription_canceled")
    problem(stage.patch(name, plan="business"), 409, "subscription_canceled")
    problem(stage.ask("GET", name, "/preview", params={"members": 5}), 409, "subscription_canceled")
    assert nothing_asked(stage, since, "update_subscription")
    assert stage.ask("DELETE", name, "/cancellation").status_code == 204
    assert stage.change(name, members=5)["members"] == 5


def test_of_two_changes_at_once_one_wins_and_the_other_learns_the_version(stage, name):
    bought = stage.buy(name)
    stage.fail_next("update_subscription", "delay", seconds=0.5)
    answers = at_once(lambda: stage.patch(name, members=5), lambda: stage.patch(name, members=7))
    won, lost = sorted(answers, key=lambda answer: answer.status_code)
    assert won.status_code == 200, told(won)
    refused = problem(lost, 409, "subscription_changed")
    assert bought["version"] < refused["version"] <= won.json()["version"]
    assert stage.subscription(name) == won.json()
    assert stage.standing(name)["amount"] == won.json()["total"]["amount"]
    path = f"/{stage.known(name).subscription}"
    assert len([one for one in stage.received("update_subscription") if one["path"].endswith(path)]) == 1


def test_change_under_way_lets_no_other_begin(stage, name):
    bought = stage.buy(name)
    stage.fail_next("update_subscription", "delay", seconds=1)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(stage.patch, name, plan="business")
        stage.faults_met()
        refused = problem(stage.patch(name, members=7), 409, "subscription_changed")
        for path, method in (("/cancellation", "POST"), ("/cancellation", "DELETE")):
            more = {"json": {}} if method == "POST" else {}
            problem(stage.ask(method, name, path, **more), 409, "subscription_changed")
    assert refused["version"] > bought["version"]
    assert terms(first.result().json()) == ("business", 3, "147.00")
    assert stage.standing(name)["amount"] == "147.00"


def test_change_to_what_is_so_already_asks_nobody(stage, name):
    bought, since = stage.buy(name), asked_until_now(stage)
    assert stage.change(name, plan="team", members=3) == bought
    assert nothing_asked(stage, since, "update_subscription")


# refunds, where they meet a limit


def test_refunds_never_exceed_what_was_charged(stage, name):
    stage.buy(name)  # 87.00
    [charge] = stage.charges(name)
    since = asked_until_now(stage)
    problem(stage.refund(charge["id"], 88), 409, "refund_above_remainder")
    assert nothing_asked(stage, since, "refund")
    assert stage.refund(charge["id"], 50).status_code == 201
    problem(stage.refund(charge["id"], 38), 409, "refund_above_remainder")
    assert stage.refund(charge["id"], 37).status_code == 201
    problem(stage.refund(charge["id"], 1), 409, "refund_above_remainder")
    problem(stage.refund(charge["id"]), 409, "refund_above_remainder")
    assert [entry["amount"] for entry in stage.done_for(name, "refund")] == ["50.00", "37.00"]
    assert stage.standing(name)["status"] == "ACTIVE"


def test_refund_of_a_charge_that_nobody_made_is_not_found(stage):
    problem(stage.refund("ch_" + "b" * 30), 404, "charge_not_found")
