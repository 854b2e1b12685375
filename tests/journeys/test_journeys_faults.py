"""BlueSnap down, slow or talking nonsense, at every call of a signup: never a second charge, never a lost one, never "failed".

All misfortunes happen first, one after the other, while the worker stands still; then it settles what was lost, and each test looks at
one account. Who was really charged is BlueSnap's ledger to say.
"""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from journeys_stage import eventually, new_name, paused, problem, told

pytestmark = pytest.mark.long

#: Longer than any call may take, so that the service has given up by then.
LATE = 4
FAULTS = {
    "hung up before": {"mode": "drop_before"},
    "hung up after": {"mode": "drop_after"},
    "500": {"mode": "status", "status": 500},
    "500, yet done": {"mode": "status", "status": 500, "processed": True},
    "503": {"mode": "status", "status": 503},
    "503, yet done": {"mode": "status", "status": 503, "processed": True},
    "429": {"mode": "status", "status": 429},
    "nonsense": {"mode": "garbage"},
    "nonsense, yet done": {"mode": "garbage", "processed": True},
    "redirect": {"mode": "redirect"},
    "redirect, yet done": {"mode": "redirect", "processed": True},
    "done too late": {"mode": "delay", "seconds": LATE},
    "answered too late": {"mode": "delay", "seconds": LATE, "processed": True},
    "500 in drops": {"mode": "drip", "seconds": LATE},
    "answered in drops": {"mode": "drip", "seconds": LATE, "processed": True},
}
#: Faults after which the call has had its effect, sooner or later.
DONE = {name for name, how in FAULTS.items() if how.get("processed") or how["mode"] == "drop_after"} | {"done too late"}
#: The answer that says "not processed, come again", and means it.
BUSY = "429"
MONEY = ("create_shopper", "create_subscription")
CALLS = ("create_token", *MONEY)


@dataclass
class Try:
    """What one account met: its payer's name, the session (None if there is none), the key used, and the answer."""

    name: str
    session: dict | None
    key: str
    answer: object


def suffer(stage, calls):
    """One account for each call and fault; every fault meets exactly the call that it is ordered for."""
    with paused(stage), ThreadPoolExecutor(16) as pool:
        begun = {}
        for call in calls:
            for fault, how in FAULTS.items():
                name, key = new_name(), str(uuid.uuid4())
                session = None if call == "create_token" else stage.open(name, card="visa")
                stage.fail_next(call, **how)
                act = (stage.order, name) if session is None else (stage.complete, session, name)
                begun[call, fault] = Try(name, session, key, pool.submit(*act, key=key))
                stage.faults_met()
        for one in begun.values():
            one.answer = one.answer.result()
    return begun


@pytest.fixture(scope="module")
def proven(stage):
    """Keys are honoured, and we know it: a call that charges is repeated under its key until it is answered."""
    return stage, suffer(stage, CALLS)


@pytest.fixture(scope="module")
def unproven(new_stage):
    """Keys are ignored, and nobody has claimed otherwise: a call that charges is never repeated."""
    stage = new_stage(PANLESS_IDEMPOTENCY_PROVEN="false")
    stage.lever("behaviour", {"idempotency": "ignored"})
    return stage, suffer(stage, MONEY)


def confirming(answer):
    """Nobody knows yet, and the page is told just that."""
    assert answer.status_code == 202, told(answer)
    assert answer.json()["status"] == "confirming"


def bought_once(stage, name):
    """The account has the plan, and BlueSnap has charged for it once, and rightly."""
    account = stage.account(name)
    assert (account["access"]["plan"], account["access"]["members"]) == ("team", 3)
    [subscription], [charge] = stage.done_for(name, "subscription"), stage.done_for(name, "charge")
    assert (charge["amount"], charge["currency"]) == ("87.00", "USD")
    assert charge["subscription_id"] == subscription["id"]


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_of_the_token_call_is_told_and_the_account_is_sold_to(proven, fault):
    stage, tries = proven
    one = tries["create_token", fault]
    if one.answer.status_code == 201:  # a token without a body drips nothing: its answer came in time
        assert fault == "answered in drops"
    elif fault == BUSY:
        problem(one.answer, 503, "bluesnap_busy")
        assert "Retry-After" in one.answer.headers
    else:
        problem(one.answer, 502, "bluesnap_failed")
    again = stage.order(one.name, key=one.key)
    assert again.status_code == 201, told(again)
    stage.fill(again.json())
    assert stage.complete(again.json(), one.name).status_code == 201
    bought_once(stage, one.name)


def check_shopper(stage, one, fault):
    """A lost vaulting is found, or the page tries again; in the end the account is sold to, once."""
    if fault == BUSY:
        problem(one.answer, 503, "bluesnap_busy")
        assert stage.read(one.session)["status"] == "open"
        assert stage.complete(one.session, one.name, key=one.key).status_code == 201
    else:
        confirming(one.answer)
        status = stage.decided(one.session)
        assert fault == "done too late" or status == ("complete" if fault in DONE else "open")
        if status == "open":
            assert stage.sold(one.name) == (0, 0)
            answer = stage.type_again(one.session, one.name)
            assert answer.status_code == 201, told(answer)
    bought_once(stage, one.name)


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_of_the_vaulting_call_never_charges_twice(proven, fault):
    stage, tries = proven
    check_shopper(stage, tries["create_shopper", fault], fault)


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_of_the_vaulting_call_without_keys_never_charges_twice(unproven, fault):
    stage, tries = unproven
    check_shopper(stage, tries["create_shopper", fault], fault)


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_of_the_charging_call_is_repeated_under_its_key_until_answered(proven, fault):
    stage, tries = proven
    one = tries["create_subscription", fault]
    confirming(one.answer)
    assert stage.decided(one.session) == "complete"
    bought_once(stage, one.name)
    sent = asked_to_charge(stage, one.name)
    assert len({headers["Idempotency-Key"] for headers, _ in sent}) == 1
    assert len({str(body) for _, body in sent}) == 1
    assert stage.complete(one.session, one.name, key=one.key).status_code == 201


def asked_to_charge(stage, name):
    """Headers and body of every call that asked BlueSnap to charge this payer."""
    shoppers = {int(entry["id"]) for entry in stage.done_for(name, "shopper")}
    sent = [one for one in stage.received("create_subscription") if one["body"]["vaultedShopperId"] in shoppers]
    return [(dict(one["headers"]), one["body"]) for one in sent]


def looks(stage, name):
    """How often BlueSnap was asked which subscriptions this payer has."""
    shoppers = [entry["id"] for entry in stage.done_for(name, "shopper")]
    return sum(any(shopper in one["query"] for shopper in shoppers) for one in stage.received("list_subscriptions"))


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_of_the_charging_call_without_keys_is_looked_up_and_never_repeated(unproven, fault):
    stage, tries = unproven
    one = tries["create_subscription", fault]
    confirming(one.answer)
    if fault == BUSY or fault in DONE:
        assert stage.decided(one.session) == "complete"
        bought_once(stage, one.name)
        assert len(asked_to_charge(stage, one.name)) == (2 if fault == BUSY else 1)
        return
    # nobody can know that it did not happen: it stays undecided, for a person at last, and the account is not sold to again
    eventually(lambda: looks(stage, one.name) >= 2)
    assert stage.read(one.session)["status"] == "confirming"
    confirming(stage.complete(one.session, one.name))
    problem(stage.order(one.name), 409, "signup_undecided")
    assert len(asked_to_charge(stage, one.name)) == 1
    assert stage.sold(one.name) == (0, 0)
    assert stage.account(one.name)["access"]["plan"] == "community"


@pytest.mark.parametrize("keys", ["proven", "unproven"])
def test_ledger_holds_at_most_one_charge_for_each_payer(request, keys):
    stage, tries = request.getfixturevalue(keys)
    for one in tries.values():
        if one.session is not None and one.answer.status_code == 202:
            eventually(lambda one=one: stage.read(one.session)["status"] != "confirming" or looks(stage, one.name))
    sold = [stage.sold(one.name) for one in tries.values()]
    assert set(sold) <= {(0, 0), (1, 1)}
    assert (1, 1) in sold
