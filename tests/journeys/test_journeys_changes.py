"""Changing plan and members: what is refused, what happens when two want it at once, and what becomes of a change that BlueSnap loses, or that dies half-way.

Of the faults: all happen first, one after the other, while the worker stands still; then it settles what was lost, the billing day comes, and each
test looks at one account. What was really charged is BlueSnap's ledger to say.
"""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

import pytest
import requests
from journeys_life import NOON, PATIENCE, after, at, life_stage, month_later
from journeys_stage import account_of, at_once, eventually, new_name, paused, problem, told

BUSINESS = "2340002"
#: The first of those that take long waits for all faults.
pytestmark = pytest.mark.timeout(600)


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


# faults

#: Longer than any call may take, so that the service has given up by then.
LATE = 4
FAULTS = {
    "hung up before": {"mode": "drop_before"},
    "hung up after": {"mode": "drop_after"},
    "500": {"mode": "status", "status": 500},
    "500, yet done": {"mode": "status", "status": 500, "processed": True},
    "nonsense": {"mode": "garbage"},
    "nonsense, yet done": {"mode": "garbage", "processed": True},
    "done too late": {"mode": "delay", "seconds": LATE},
    "answered too late": {"mode": "delay", "seconds": LATE, "processed": True},
}
#: What the faulty call had as its effect, sooner or later.
DONE = {name for name, how in FAULTS.items() if how.get("processed") or how["mode"] in {"drop_after", "delay"}}
#: What is wished of three Team members, and which write of it goes wrong. A change of members is one write, a switch of plan is two.
WRITES = {
    "members": ({"members": 8}, 1),
    "plan, first write": ({"plan": "business"}, 1),
    "plan, second write": ({"plan": "business"}, 2),
    "plan and members, second write": ({"plan": "business", "members": 8}, 2),
}
BEFORE = ("team", 3, "87.00")
WISHED = {
    "members": ("team", 8, "232.00"),
    "plan, first write": ("business", 3, "147.00"),
    "plan, second write": ("business", 3, "147.00"),
    "plan and members, second write": ("business", 8, "392.00"),
}


@dataclass
class Try:
    """What one account met: its payer's name, the answer, and the terms that the API tells once they are known."""

    name: str
    answer: object = None
    agreed: tuple = ()


def suffer(stage):
    """One account for each write and fault; every fault meets exactly the write that it is ordered for."""
    tries = {key: Try(new_name()) for key in itertools.product(WRITES, FAULTS)}
    for one in tries.values():
        stage.buy(one.name)
        stage.meet(one.name)
    stage.looked()
    with paused(stage.stack.children["worker"]), ThreadPoolExecutor(16) as pool:
        for (write, fault), one in tries.items():
            wish, number = WRITES[write]
            for _ in range(number - 1):
                stage.fail_next("update_subscription", "delay", seconds=0)
            stage.fail_next("update_subscription", **FAULTS[fault])
            one.answer = pool.submit(stage.patch, one.name, **wish)
            stage.faults_met()
        for one in tries.values():
            one.answer = one.answer.result()
    return tries


def terms(subscription):
    """What the API says will be charged, and for what."""
    assert subscription["next_charge"]["total"] == subscription["total"]
    return subscription["plan"], subscription["members"], subscription["total"]["amount"]


@pytest.fixture(scope="module")
def suffered(stage):
    """Every fault met and settled, and then the billing day gone by."""
    stage.go_to(at(stage.today().replace(day=10).replace(year=stage.today().year + 1), NOON))
    tries = suffer(stage)
    for one in tries.values():
        one.agreed = terms(stage.settled(one.name))
    stage.go_to(after(month_later(stage.today())))
    return tries


@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("write", WRITES)
def test_change_that_bluesnap_lost_ends_in_one_agreed_price(stage, suffered, write, fault):
    one = suffered[write, fault]
    if one.answer.status_code != 200:
        assert (one.answer.status_code, one.answer.json()["pending_change"]) == (202, "change")
    assert one.agreed in {BEFORE, WISHED[write]}
    if fault in DONE or "second" in write:  # what was begun is finished
        assert one.agreed == WISHED[write]
    assert stage.charged(one.name) == ["87.00", one.agreed[2]]
    assert terms(stage.subscription(one.name)) == one.agreed
    standing = stage.standing(one.name)
    assert (standing["amount"], standing["quantity"]) == (one.agreed[2], 1)
    assert (standing.get("plan_id") == BUSINESS) == (one.agreed[0] == "business")


@pytest.fixture(params=["reset", "kept"])
def amount(request, stage):
    """What a switch of plan does to the amount at BlueSnap: nobody knows."""
    stage.lever("behaviour", {"plan_switch_amount": request.param})
    yield request.param
    stage.lever("behaviour", {"plan_switch_amount": "reset"})


def cut_off_between_two_writes(stage, name, **wish):
    """The service dies when BlueSnap has switched the plan and the amount is still to be written."""
    with ThreadPoolExecutor(1) as pool:
        stage.fail_next("update_subscription", "delay", seconds=LATE, processed=True)
        answer = pool.submit(stage.patch, name, **wish)
        eventually(lambda: stage.standing(name)["plan_id"] == BUSINESS)
        stage.kill_service()
        with pytest.raises(requests.ConnectionError):
            answer.result()


@pytest.mark.long
def test_service_that_dies_between_two_writes_leaves_the_agreed_price(stage, name, amount):
    stage.buy(name)
    stage.looked()
    cut_off_between_two_writes(stage, name, plan="business")
    # the state in which BlueSnap would charge by no agreed price
    assert stage.standing(name)["amount"] == {"reset": "49.00", "kept": "87.00"}[amount]
    stage.start_service()
    assert stage.subscription(name)["pending_change"] == "change"
    problem(stage.patch(name, members=9), 409, "subscription_changed")
    assert terms(stage.settled(name)) == ("business", 3, "147.00")
    assert stage.standing(name)["amount"] == "147.00"
    renews_on = stage.subscription(name)["next_charge"]["date"]
    stage.go_to(at(stage.today() + timedelta(days=32)))
    assert stage.charged(name) == ["87.00", "147.00"]
    assert stage.taken(name)[1]["at"][:10] >= renews_on


@pytest.mark.long
def test_billing_day_between_two_writes_is_noticed_and_charged_for_once(stage, name, amount):
    """Then BlueSnap charges before anybody can help it: what is more than was agreed for that day goes to a person, and the next charge is right."""
    stage.go_to(at(month_later(stage.today()).replace(day=10)))
    bought = stage.buy(name, members=1)
    stage.looked()
    with paused(stage.stack.children["worker"]):
        cut_off_between_two_writes(stage, name, plan="business", members=5)
        stage.go_to(after(month_later(stage.today())))
        stage.start_service()
    taken = {"reset": "49.00", "kept": "29.00"}[amount]
    assert stage.charged(name) == ["29.00", taken]
    settled = stage.settled(name)
    assert terms(settled) == ("business", 5, "245.00")
    assert settled["next_charge"]["date"] > bought["next_charge"]["date"]
    stage.looked()
    tasks = [row for row in stage.tables("public")["public.tasks"].splitlines() if account_of(name) in row]
    assert [row for row in tasks if "overcharge" in row and "20.00" in row] == (tasks if amount == "reset" else [])
    assert bool(tasks) == (amount == "reset")
    stage.go_to(after(month_later(stage.today())))
    assert stage.charged(name) == ["29.00", taken, "245.00"]


@pytest.mark.long
def test_worker_finishes_a_change_while_the_platform_asks_again(stage, name):
    """A half-made change is nobody's to change meanwhile; once it is whole, the next one is taken."""
    stage.buy(name)
    stage.looked()
    stage.fail_next("update_subscription", "delay", seconds=0)
    stage.fail_next("update_subscription", "drop_before")
    answer = stage.patch(name, plan="business")
    assert answer.status_code == 202, told(answer)
    refusals = []

    def taken():
        answer = stage.patch(name, members=4)
        refusals.append(answer)
        return answer.status_code == 200

    eventually(taken, within=PATIENCE)
    for refused in refusals[:-1]:
        problem(refused, 409, "subscription_changed")
    assert terms(stage.subscription(name)) == ("business", 4, "196.00")
    assert stage.standing(name)["amount"] == "196.00"
