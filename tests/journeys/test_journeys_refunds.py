"""Money goes back although BlueSnap is down, slow or talks nonsense: never more than was ordered, and no reserved part is ever lost.

Misfortunes of the refund call happen first, while the worker stands still; then it settles what was lost, itself meeting misfortunes of the
look-up. What was really given back is BlueSnap's ledger to say.
"""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal

import pytest
from journeys_life import PATIENCE, life_stage, usd
from journeys_stage import at_once, eventually, new_name, paused, problem, told

pytestmark = pytest.mark.long

#: Longer than any call may take, so that the service has given up by then.
LATE = 4
FAULTS = {
    "hung up before": {"mode": "drop_before"},
    "hung up after": {"mode": "drop_after"},
    "500": {"mode": "status", "status": 500},
    "500, yet done": {"mode": "status", "status": 500, "processed": True},
    "503": {"mode": "status", "status": 503},
    "429": {"mode": "status", "status": 429},
    "processing broke": {"mode": "decline", "reason": "PROCESSING_TIMEOUT"},
    "processing broke, yet done": {"mode": "decline", "reason": "PROCESSING_TIMEOUT", "processed": True},
    "nonsense": {"mode": "garbage"},
    "nonsense, yet done": {"mode": "garbage", "processed": True},
    "done too late": {"mode": "delay", "seconds": LATE},
    "answered too late": {"mode": "delay", "seconds": LATE, "processed": True},
}
DONE = {name for name, how in FAULTS.items() if how.get("processed") or how["mode"] == "drop_after"} | {"done too late"}
#: The answer that says "not processed, come again", and means it.
BUSY = "429"
#: What the worker's look-ups meet, all of it once, before they are answered.
LOOKS = ("drop_before", "drop_after", "garbage", "delay", "status")
MODES = {"on": "true", "replays_errors": "true", "ignored": "false"}
ORDERED = Decimal("29.00")


@dataclass
class Try:
    """What one account met: its payer's name, its charge, the key used, and the answer."""

    name: str
    charge: dict
    key: str
    answer: object


def order(stage, charge, key):
    """The platform gives 29 of 87 dollars back."""
    body = {"reason": "requested_by_customer", "amount": usd(29)}
    return stage.call("POST", f"/v1/charges/{charge['id']}/refunds", auth=stage.key, key=key, json=body)


def bought(stage):
    """A payer's name, and the charge of a fresh subscription."""
    name = new_name()
    stage.buy(name)
    [charge] = stage.charges(name)
    return name, charge


def given(stage, charge):
    """What BlueSnap has given back of a charge, refund by refund."""
    entries = [one for one in stage.ledger() if one["kind"] == "refund"]
    return [Decimal(one["amount"]) for one in entries if one["transaction_id"] == charge["reference"]]


@pytest.fixture(scope="module", params=MODES)
def suffered(request, tmp_path_factory):
    """A stack whose BlueSnap treats keys in one way, and every fault met by one account."""
    mode = request.param
    with life_stage(tmp_path_factory.mktemp("refunds"), PANLESS_IDEMPOTENCY_PROVEN=MODES[mode]) as stage:
        stage.lever("behaviour", {"idempotency": mode})
        yield mode, stage, suffer(stage)


def suffer(stage):
    assert stage.key
    with ThreadPoolExecutor(6) as pool:
        ready = list(pool.map(lambda _: bought(stage), FAULTS))
    begun = {}
    with paused(stage), ThreadPoolExecutor(len(FAULTS)) as pool:
        for (fault, how), (name, charge) in zip(FAULTS.items(), ready, strict=True):
            key = str(uuid.uuid4())
            stage.fail_next("refund", **how)
            begun[fault] = Try(name, charge, key, pool.submit(order, stage, charge, key))
            stage.faults_met()
        for one in begun.values():
            one.answer = one.answer.result()
        for mode in LOOKS:
            more = {"status": 500} if mode == "status" else {"seconds": LATE} if mode == "delay" else {}
            stage.fail_next("get_transaction", mode, **more)
    return begun


def shown(stage, one):
    """The charge and its only refund, as the platform reads them."""
    [charge] = stage.charges(one.name)
    [refund] = charge["refunds"]
    return charge, refund


def in_balance(stage, one, refund_amounts):
    """What is left by the API is what was paid less what is reserved; what BlueSnap gave is no more than that."""
    [charge] = stage.charges(one.name)
    reserved = sum(Decimal(item["amount"]["amount"]) for item in charge["refunds"] if item["status"] != "failed")
    assert given(stage, one.charge) == refund_amounts
    assert Decimal(charge["refundable"]["amount"]) == Decimal(charge["amount"]["amount"]) - reserved
    assert sum(refund_amounts) <= reserved


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_of_the_refund_call_never_gives_back_twice_and_loses_nothing(suffered, fault):
    mode, stage, tries = suffered
    one = tries[fault]
    if fault == BUSY:
        problem(one.answer, 503, "bluesnap_busy")
        assert shown(stage, one)[1]["status"] == "failed"
        again = order(stage, one.charge, one.key)
        assert (again.status_code, again.json()["status"]) == (201, "succeeded"), told(again)
        in_balance(stage, one, [ORDERED])
        return
    assert (one.answer.status_code, one.answer.json()["status"]) == (202, "unknown"), told(one.answer)
    if fault in DONE or mode == "on":
        eventually(lambda: shown(stage, one)[1]["status"] == "succeeded", within=PATIENCE)
        in_balance(stage, one, [ORDERED])
        again = order(stage, one.charge, one.key)
        assert (again.status_code, again.json()["id"]) == (201, one.answer.json()["id"])
    else:
        settled_or_kept(stage, one)
    assert len(given(stage, one.charge)) <= 1


def settled_or_kept(stage, one):
    """Nobody can know that it did not happen: it stays unknown and keeps its part, unless BlueSnap could be asked again and gave it."""
    eventually(
        lambda: looked_for(stage, one.charge) >= 2 or shown(stage, one)[1]["status"] == "succeeded", within=PATIENCE
    )
    status = shown(stage, one)[1]["status"]
    in_balance(stage, one, [ORDERED] if status == "succeeded" else [])
    assert order(stage, one.charge, one.key).json()["id"] == one.answer.json()["id"]
    if stage.lever("behaviour", {})["idempotency"] == "ignored":
        assert status == "unknown"
        asked = [item for item in stage.received("refund") if item["path"].endswith(f"/{one.charge['reference']}")]
        assert len(asked) == 1, "a key that BlueSnap may ignore is never used again"


def looked_for(stage, charge):
    """How often BlueSnap was asked for this payment."""
    return sum(one["path"].endswith(f"/{charge['reference']}") for one in stage.received("get_transaction"))


def test_ledger_holds_at_most_one_refund_for_each_order(suffered):
    _, stage, tries = suffered
    for one in tries.values():
        assert given(stage, one.charge) in ([], [ORDERED])


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """A stack where all is well."""
    with life_stage(tmp_path_factory.mktemp("fine"), PANLESS_IDEMPOTENCY_PROVEN="true") as fine:
        yield fine


def test_of_many_refunds_of_the_whole_at_once_one_is_given(stage):
    name, charge = bought(stage)
    answers = at_once(*[lambda: stage.refund(charge["id"]) for _ in range(6)])
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 5]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"refund_above_remainder"}
    assert given(stage, charge) == [Decimal("87.00")]
    assert stage.charges(name)[0]["refundable"] == {"amount": "0.00", "currency": "USD"}


def test_refund_keeps_the_subscription_and_another_ends_it(stage):
    name, charge = bought(stage)
    assert stage.refund(charge["id"], 20).status_code == 201
    stage.looked()
    assert stage.subscription(name)["status"] == "active"
    assert stage.refund(charge["id"], 20, cancel_subscription=True).status_code == 201
    eventually(lambda: stage.account(name)["access"]["reason"] in {"canceled", "free"}, within=PATIENCE)
    assert given(stage, charge) == [Decimal("20.00"), Decimal("20.00")]


@pytest.mark.parametrize("told_of", ["send", "drop"])
def test_refunds_in_the_portal_appear_once_each_even_of_equal_amount(stage, told_of):
    name, charge = bought(stage)
    stage.quiet()
    stage.lever("notices", {"mode": told_of})
    for _ in range(2):
        stage.bluesnap(
            "POST", f"/transactions/refund/{charge['reference']}", {"amount": "10.00", "cancelSubscriptions": False}
        )
    stage.lever("notices", {"mode": "send"})
    if told_of == "drop":
        assert stage.charges(name)[0]["refunds"] == []
        problem(stage.refund(charge["id"]), 409, "refund_above_remainder")  # and so it learns of them
        found = [one for one in stage.charges(name)[0]["refunds"] if one["status"] != "failed"]
    else:
        found = eventually(lambda: len(shown := stage.charges(name)[0]["refunds"]) == 2 and shown, within=PATIENCE)
    assert [(one["amount"], one["reason"], one["status"]) for one in found] == [(usd(10), None, "succeeded")] * 2
    stage.looked()
    assert stage.charges(name)[0]["refundable"] == usd(67)


def test_pending_refund_is_done_when_bluesnap_has_done_it(stage):
    name, charge = bought(stage)
    stage.lever("behaviour", {"refund_status": "PENDING"})
    answer = stage.refund(charge["id"], 29)
    assert (answer.status_code, answer.json()["status"]) == (201, "pending"), told(answer)
    problem(stage.refund(charge["id"], 29), 409, "refund_refused")
    stage.lever("clock", {"advance": "P4D"})
    stage.lever("behaviour", {"refund_status": "SUCCESS"})
    eventually(lambda: stage.charges(name)[0]["refunds"][0]["status"] == "succeeded", within=PATIENCE)
    assert stage.refund(charge["id"], 58).status_code == 201


def test_service_killed_in_the_midst_of_a_refund_gives_it_once(stage):
    name, charge = bought(stage)
    stage.fail_next("refund", "delay", seconds=2, processed=True)
    key = str(uuid.uuid4())
    with ThreadPoolExecutor(1) as pool:
        cut_off = pool.submit(order, stage, charge, key)
        stage.faults_met()
        eventually(lambda: given(stage, charge))
        stage.kill_service()
        assert cut_off.exception(30) is not None
    stage.start_service()
    eventually(lambda: stage.charges(name)[0]["refunds"][0]["status"] == "succeeded", within=PATIENCE)
    again = eventually(lambda: (answer := order(stage, charge, key)).status_code == 201 and answer, within=PATIENCE)
    assert again.json()["status"] == "succeeded"
    assert given(stage, charge) == [ORDERED]
