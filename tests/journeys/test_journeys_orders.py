"""Notices in every order, in part, more than once, and hours late: the account ends where BlueSnap is.

The life is the same for all: a first charge, a renewal, a renewal that failed, a refund, a cancellation; the last two made in BlueSnap's portal, so
that only notices tell of them. BlueSnap keeps its notices back, and each account is handed its own choice of them in its own order, each as
soon as that order permits: some while the life goes on, some long after it is over.
"""

from __future__ import annotations

import itertools
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from journeys_calendar import PATIENCE, after, at, month_later
from journeys_life import FREE, life_stage, usd
from journeys_stage import account_of, at_once, eventually, new_name, paused

#: The first of those that take long waits for the life of all.
pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]
#: In the order in which they happen. A renewal may be told as either of two types (bluesnap/webhooks.md section 3).
TYPES = {
    "first charge": "CHARGE",
    "renewal": "RECURRING",
    "failed renewal": "SUBSCRIPTION_CHARGE_FAILURE",
    "refund": "REFUND",
    "cancellation": "CANCELLATION",
}
ORDERS = [*itertools.permutations(TYPES)]
SUBSETS = [choice for size in range(len(TYPES) + 1) for choice in itertools.combinations(TYPES, size)]


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    # asked for once more now and then only: a look that a notice asks for is soon enough
    with life_stage(tmp_path_factory.mktemp("orders"), PANLESS_LOOK_SECONDS="5") as running:
        yield running


# every order, every choice


@dataclass
class Told:
    """What one account is told: the notices in their order, how often each; what that was answered, and which plan the account had on the way."""

    name: str
    order: tuple
    copies: int = 1
    place: int = 0
    statuses: list = field(default_factory=list)
    plans: list = field(default_factory=list)


def shuffled(choice):
    """Some order of these notices, always the same one."""
    return tuple(random.Random(" ".join(choice)).sample(choice, len(choice)))


def everybody():
    orders = {order: Told(new_name(), order) for order in ORDERS}
    return orders | {frozenset(choice): Told(new_name(), shuffled(choice), copies=2) for choice in SUBSETS}


def hand_over(stage, told, happened):
    """Deliver what is next in each account's order, as far as it has happened; copies of one notice at once, and all once more at the end."""
    held = {}
    for notice in stage.lever("notices")["notices"]:
        about = dict(pair.partition("=")[::2] for pair in notice["body"].split("&"))
        held[about.get("subscriptionId"), notice["type"]] = notice["body"]

    def deliver(one):
        mine = stage.known(one.name).subscription
        while one.place < len(one.order) and one.order[one.place] in happened:
            body = held[mine, TYPES[one.order[one.place]]]
            one.statuses += at_once(*[lambda body=body: stage.deliver(body).status_code] * one.copies)
            one.place += 1
        if one.copies > 1 and one.place == len(one.order) and len(happened) == len(TYPES):
            again = [held[mine, TYPES[what]] for what in one.order]
            one.statuses += [stage.deliver(body).status_code for body in again]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(deliver, told))
    stage.looked()
    for one in told:
        one.plans.append(stage.account(one.name)["access"]["plan"])


def live(stage, told):
    """The life of all, with BlueSnap's notices kept back."""
    start = at(month_later(stage.today()).replace(day=10))
    stage.go_to(start)
    stage.lever("notices", {"mode": "hold"})
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda one: stage.buy(one.name), told))
    stage.meet(*[one.name for one in told])
    hand_over(stage, told, [*TYPES][:1])
    renews_on = month_later(start.date())
    stage.go_to(after(renews_on))
    hand_over(stage, told, [*TYPES][:2])
    for one in told:
        stage.card_is(one.name, "CALL_ISSUER")
    stage.go_to(after(month_later(renews_on)))
    hand_over(stage, told, [*TYPES][:3])
    for entry in renewals(stage, told):
        back = {"amount": 10, "reason": "Goodwill", "cancelSubscriptions": False}
        stage.bluesnap("POST", f"/transactions/refund/{entry['id']}", back)
    hand_over(stage, told, [*TYPES][:4])
    for one in told:
        stage.lever("cancel", {"subscription_id": stage.known(one.name).subscription})
    hand_over(stage, told, [*TYPES])


def renewals(stage, told):
    mine = {stage.known(one.name).subscription for one in told}
    charges = [one for one in stage.ledger() if one["kind"] == "charge" and one["type"] == "RECURRING"]
    found = [one for one in charges if one["subscription_id"] in mine]
    assert len(found) == len(told)
    return found


@pytest.fixture(scope="module")
def lived(stage):
    """Everybody, and the state in which each ended."""
    told = everybody()
    try:
        live(stage, [*told.values()])
    finally:
        stage.lever("notices", {"mode": "send"})
    for one in told.values():  # those whom no notice told of the end are looked at by and by
        eventually(lambda one=one: stage.account(one.name)["access"]["plan"] == "community", within=2 * PATIENCE)
    return told, {key: state_of(stage, one.name) for key, one in told.items()}


OWN = {"id", "reference", "recorded_at", "created_at", "subscription", "charge", "account", "version"}


def plain(value):
    """Without what every account has of its own: ids, versions, and when something was heard of."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items() if name not in OWN}
    return [plain(part) for part in value] if isinstance(value, list) else value


def state_of(stage, name):
    """Access, the last that the feed says of the subscription, charges and refunds."""
    account = stage.account(name)
    return {
        "access": account["access"],
        "subscription": plain(account["subscription"]),
        "charges": [plain(charge) for charge in stage.charges(name)],
    }


def check(state):
    """It is over, after two charges; ten dollars of the second were given back."""
    assert state["access"] == FREE
    assert state["subscription"] is None
    first, second = state["charges"]
    assert (first["amount"], first["refunded"], first["refunds"]) == (usd(87), usd(0), [])
    assert (second["amount"], second["refunded"], second["refundable"]) == (usd(87), usd(10), usd(77))
    [given] = second["refunds"]
    assert (given["amount"], given["status"]) == (usd(10), "succeeded")
    assert (first["kind"], second["kind"]) == ("initial", "recurring")


@pytest.mark.parametrize("order", ORDERS, ids=", ".join)
def test_notices_in_any_order_end_in_the_same_state(lived, order):
    told, states = lived
    assert told[order].statuses == [200] * len(TYPES)
    check(states[order])
    assert told[order].plans[:4] == ["team"] * 4
    assert states[order] == states[ORDERS[0]]


@pytest.mark.parametrize("choice", SUBSETS, ids=lambda choice: ", ".join(choice) or "none")
def test_any_part_of_the_notices_told_thrice_ends_in_the_same_state(lived, choice):
    told, states = lived
    assert told[frozenset(choice)].statuses == [200] * 3 * len(choice)
    check(states[frozenset(choice)])
    assert told[frozenset(choice)].plans[:4] == ["team"] * 4
    assert states[frozenset(choice)] == states[ORDERS[0]]


def test_every_effect_of_a_life_is_told_once(stage, lived):
    """In the feed, however often and from wherever it was heard. Who heard of the end first never was behind."""
    told, _ = lived
    acts = {account_of(one.name): [] for one in told.values()}
    for entry in stage.entries():
        if entry["account"] in acts and entry["act"] in EFFECTS:
            acts[entry["account"]].append(entry["act"])
    found = {tuple(sorted(set_of)) for set_of in acts.values()}
    assert found == {tuple(sorted(EFFECTS)), tuple(sorted((*EFFECTS[:3], *EFFECTS[4:])))}


#: What becomes of an account in this life.
EFFECTS = (
    "subscription.activated",
    "charge.recorded",
    "charge.recorded",
    "subscription.past_due",
    "subscription.renewed",
    "subscription.ended",
    "refund.found",
)


# hours late

AGE = timedelta(hours=5)


def let_renew(stage, name):
    stage.go_to(after(stage.today() + timedelta(days=1)))


def cancel_in_portal(stage, name):
    stage.lever("cancel", {"subscription_id": stage.known(name).subscription, "at_period_end": True})


def refund_in_portal(stage, name):
    [charge] = stage.taken(name)
    back = {"amount": 20, "reason": "Goodwill", "cancelSubscriptions": False}
    stage.bluesnap("POST", f"/transactions/refund/{charge['id']}", back)


def knows_of_renewal(stage, name):
    return len(stage.charges(name)) == 2 and stage.account(name)["access"]["reason"] == "paid"


def knows_of_cancellation(stage, name):
    return stage.subscription(name)["renews"] is False


def knows_of_refund(stage, name):
    return stage.charges(name)[0]["refunded"] == usd(20)


#: What happens, the type that tells of it, and when the account is right.
LATE = {
    "renewal": (let_renew, "RECURRING", knows_of_renewal),
    "cancellation": (cancel_in_portal, "CANCEL_ON_RENEWAL", knows_of_cancellation),
    "refund": (refund_in_portal, "REFUND", knows_of_refund),
}


@dataclass
class Late:
    """An account, the late notice about it, and what was seen: before it, right after it, and after the look."""

    name: str
    body: str = ""
    status: int = 0
    seen: dict = field(default_factory=dict)


def seen_of(stage, name):
    return stage.account(name), stage.charges(name), entries_of(stage, name)


def entries_of(stage, name):
    return [(entry["number"], entry["act"]) for entry in stage.entries() if entry["account"] == account_of(name)]


def happen_unheard(stage, cases):
    """The worker stands still, BlueSnap keeps silent; then comes each notice, hours old."""
    stage.lever("notices", {"mode": "drop"})
    try:
        for what, case in cases.items():
            LATE[what][0](stage, case.name)
    finally:
        stage.lever("notices", {"mode": "send"})
    for what, case in cases.items():
        told = [one["body"] for one in stage.notices_about(case.name) if one["type"] == LATE[what][1]]
        [case.body] = told
        case.seen["before"] = seen_of(stage, case.name)
        case.status = stage.deliver(case.body, age=AGE).status_code
        case.seen["at once"] = seen_of(stage, case.name)


@pytest.fixture(scope="module")
def late(stage):
    """Each thing happened to an account of its own, was told five hours late, and was looked at."""
    cases = {what: Late(new_name()) for what in LATE}
    renews_on = month_later(stage.today()).replace(day=10)
    stage.go_to(at(renews_on))
    stage.buy(cases["renewal"].name)
    stage.go_to(at(month_later(renews_on) - timedelta(days=1)))
    for what in ("cancellation", "refund"):
        stage.buy(cases[what].name)
    stage.meet(*[case.name for case in cases.values()])
    stage.looked()
    asked = max(one["n"] for one in stage.lever("received")["requests"])
    with paused(stage):
        happen_unheard(stage, cases)
    for what, case in cases.items():
        eventually(lambda what=what, case=case: LATE[what][2](stage, case.name), within=PATIENCE)
    stage.looked()
    for case in cases.values():
        case.seen["looked"] = seen_of(stage, case.name)
        case.seen["reads"] = stage.read_at_bluesnap(case.name, asked)
    return cases, asked


@pytest.mark.parametrize("what", LATE)
def test_notice_signed_five_hours_ago_changes_nothing_but_leads_to_one_look(late, what):
    case = late[0][what]
    assert case.status == 200
    *facts, entries = case.seen["at once"]
    *facts_before, entries_before = case.seen["before"]
    assert facts == facts_before
    assert [act for number, act in entries if (number, act) not in entries_before] == ["notice.settled"]
    assert case.seen["looked"] != case.seen["before"]
    assert case.seen["reads"] == 1


@pytest.mark.parametrize("age", [AGE, timedelta(), -AGE], ids=["as late", "fresh", "from the future"])
@pytest.mark.parametrize("what", LATE)
def test_replay_of_a_late_notice_changes_nothing(stage, late, what, age):
    cases, asked = late
    case, rows = cases[what], stage.tables("public")
    assert stage.deliver(case.body, age=age).status_code == 200
    assert stage.tables("public") == rows
    assert seen_of(stage, case.name) == case.seen["looked"]
    assert stage.read_at_bluesnap(case.name, asked) == 1
