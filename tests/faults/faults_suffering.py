"""What both files about BlueSnap's faults do: let operations meet them all at once, and say what must come of it."""

from __future__ import annotations

import json
import re
from collections import Counter

from tests.faults import faults_operations as operations
from tests.faults.faults_operations import BUYING, REBUY, REFUND, VAULT
from tests.faults.faults_stage import FaultStage
from tests.journeys.journeys_stage import paused, told

#: What comes to be is not shown for so many seconds, where that is tried.
LAG = 4


def stage_on(folder, wire, *, proven):
    """A stage whose way to BlueSnap is the wire, and whose worker looks every second."""
    settings = {"PANLESS_BLUESNAP_URL": wire.url, "PANLESS_IDEMPOTENCY_PROVEN": str(proven).lower()}
    return FaultStage.start(folder, settings=settings, bugs=("hurry",), proxied=())


def suffer(ground, operations_and_acts, fault):
    """Each operation meets its fault, all at once, while the worker stands still. The subjects, with their first answers."""
    wire, stage, over = ground
    subjects = operations.prepare(stage, [one for one, _ in operations_and_acts], over)
    stage.lever("clock", {"advance": f"PT{LAG}S"})  # what was there before the fault is shown in any case
    with paused(stage):
        # who subscribes vaults before: those whose vaulting is to fail go first, so that each fault meets whom it is meant for
        for vaults in (True, False):
            met = [one for one in subjects if (one.operation is VAULT) == vaults]
            for operation, act in operations_and_acts:
                if (operation is VAULT) == vaults:
                    wire.order(operation.call, act, fault=fault)
            operations.run_all(stage, met)
    left = wire.waiting()
    assert not left, f"{left} met nobody: {[told(one.first) for one in subjects]}"
    return subjects


def unknown(subjects):
    """Nobody knows, and everybody is told just that."""
    for one in subjects:
        assert one.first.status_code == one.operation.unknown, f"{one.operation.name}: {told(one.first)}"


def finished(stage, subjects):
    """Everybody who asks again gets what he wanted, once."""
    for one in subjects:
        answer = operations.finish(stage, one)
        assert answer.status_code < 300 or answer.json()["code"] == "subscription_exists", told(answer)
    for one in subjects:
        if one.operation in BUYING:
            sold = 2 if one.operation is REBUY else 1
            assert stage.sold(one.name) == (sold, sold), one.operation.name
        elif one.operation is REFUND:
            given = [entry for entry in stage.ledger() if entry["kind"] == "refund"]
            assert [entry["amount"] for entry in given if entry["transaction_id"] == one.charge["reference"]] == [
                "29.00"
            ]


def every_key_sold_once(wire, stage):
    """As many keys went out for a shopper as he was sold subscriptions: a repeat never takes a new one."""
    keys, sold = {}, Counter(one["shopper_id"] for one in stage.ledger() if one["kind"] == "subscription")
    for raw in wire.seen("create_subscription"):
        head, _, body = raw.partition(b"\r\n\r\n")
        key = re.search(rb"\r\nIdempotency-Key: (\S+)", head)[1]
        keys.setdefault(str(json.loads(body)["vaultedShopperId"]), set()).add(key)
    assert {shopper: len(found) for shopper, found in keys.items()} == {shopper: sold[shopper] for shopper in keys}
