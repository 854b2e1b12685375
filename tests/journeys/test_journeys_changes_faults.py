"""What becomes of a change of plan or members that BlueSnap loses, or that dies half-way: one agreed price, and the API and BlueSnap name the same.

All faults happen first, one after the other, while the worker stands still; then it settles what was lost, the billing day comes, and each
test looks at one account. What was really charged is BlueSnap's ledger to say.
"""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

import pytest
import requests
from journeys_calendar import PATIENCE, after, at, month_later
from journeys_life import life_stage, terms
from journeys_stage import account_of, eventually, new_name, paused, problem, told

#: The first test waits for all faults.
pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]
BUSINESS = "2340002"


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with life_stage(tmp_path_factory.mktemp("lost")) as running:
        yield running


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
    with paused(stage), ThreadPoolExecutor(16) as pool:
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


@pytest.fixture(scope="module")
def suffered(stage):
    """Every fault met and settled, and then the billing day gone by."""
    stage.go_to(at(stage.today().replace(year=stage.today().year + 1, day=10)))
    tries = suffer(stage)
    for one in tries.values():
        one.agreed = terms(stage.settled(one.name))
    stage.go_to(after(month_later(stage.today())))
    return tries


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("write", WRITES)
def test_change_that_bluesnap_lost_ends_in_one_agreed_price(stage, suffered, write, fault):
    one = suffered[write, fault]
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


def test_service_that_dies_between_two_writes_leaves_the_agreed_price(stage, name, amount):
    stage.buy(name)
    stage.looked()
    with paused(stage):
        cut_off_between_two_writes(stage, name, plan="business")
        stage.start_service()
        # the state in which BlueSnap would charge by no agreed price
        assert stage.standing(name)["amount"] == {"reset": "49.00", "kept": "87.00"}[amount]
        assert stage.subscription(name)["pending_change"] == "change"
        problem(stage.patch(name, members=9), 409, "subscription_changed")
    assert terms(stage.settled(name)) == ("business", 3, "147.00")
    assert stage.standing(name)["amount"] == "147.00"
    renews_on = stage.subscription(name)["next_charge"]["date"]
    stage.go_to(at(stage.today() + timedelta(days=32)))
    assert stage.charged(name) == ["87.00", "147.00"]
    assert stage.taken(name)[1]["at"][:10] >= renews_on


def test_billing_day_between_two_writes_is_noticed_and_charged_for_once(stage, name, amount):
    """Then BlueSnap charges before anybody can help it: what is more than was agreed for that day goes to a person, and the next charge is right."""
    stage.go_to(at(month_later(stage.today()).replace(day=10)))
    bought = stage.buy(name, members=1)
    stage.looked()
    with paused(stage):
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
