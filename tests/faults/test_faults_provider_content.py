"""BlueSnap answers, and what it says is an error, nonsense, too much, or about somebody else: nothing is believed that was not asked for, nothing is taken for a failure.

Faults 43 to 47 of the list, at every call that creates or moves money. BlueSnap's ledger is the judge.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tests.faults import faults_operations as operations
from tests.faults import faults_wire as wires
from tests.faults.faults_judge import assert_holds
from tests.faults.faults_operations import BUYING, CANCEL, CARD, MEMBERS, PLAN, REBUY, REFUND, SUBSCRIBE, SWITCH, VAULT
from tests.faults.faults_serving import another_worker
from tests.faults.faults_suffering import every_key_sold_once, finished, stage_on, suffer, unknown
from tests.faults.faults_wire import Wire, answer
from tests.journeys.journeys_stage import account_of, eventually, paused, problem, told
from tests.support.hostile_provider import with_body

pytestmark = pytest.mark.faults
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    """The wire, the stage, and names of customers whose plan is over."""
    with Wire() as wire, stage_on(tmp_path_factory.mktemp("content"), wire, proven=True) as stage:
        wire.serve(stage)
        yield wire, stage, operations.ended(stage, 10)


def error(status, *, happens):
    return wires.say(answer(status, b"Service is temporarily unavailable", media="text/plain"), happens=happens)


def test_server_errors_are_never_taken_for_a_failure(ground):
    wire, stage, _ = ground
    kinds = ("500 Internal Server Error", "502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout")
    both = (True, False)
    some = [
        (one, error(kind, happens=happens))
        for one in (VAULT, SUBSCRIBE)
        for kind in (kinds[1], kinds[3])
        for happens in both
    ]
    some += [
        (one, error(kind, happens=happens))
        for one in (REFUND, CANCEL, MEMBERS)
        for kind in kinds[1:]
        for happens in both
    ]
    some += [(REBUY, error(kinds[number], happens=bool(number % 2))) for number in range(4)]
    some += [(PLAN, error(kinds[1], happens=True)), (PLAN, error(kinds[2], happens=False))]
    subjects = suffer(ground, some, "D43")
    subjects += suffer(ground, [(CARD, error(kind, happens=happens)) for kind in kinds[:3] for happens in both], "D43")
    subjects += suffer(ground, [(SWITCH, error(kind, happens=False)) for kind in kinds], "D43")
    unknown(subjects)
    finished(stage, subjects)
    every_key_sold_once(wire, stage)
    assert_holds(stage, sweep=False, deep=False)


#: What a throttling answer may ask for: sane, huge, negative, no number, a date, too long. The words must be found nowhere.
WAITS = ("30", "99999999999", "-17171717", "garbage-quokka", "Wed, 21 Oct 2099 07:28:00 GMT", "7" * 2_000)


def test_throttling_is_told_within_our_own_bounds_and_not_echoed(ground):
    wire, stage, _ = ground
    acts = [
        wires.say(answer("429 Too Many Requests", b"slow down, quokka", f"Retry-After: {wait}"), happens=False)
        for wait in WAITS
    ]
    some = [(one, act) for one in (VAULT, REFUND) for act in acts]
    some += [(one, act) for one in (MEMBERS, CANCEL, SUBSCRIBE) for act in acts[2:4]] + [(REBUY, acts[1])]
    subjects = suffer(ground, some, "D44") + suffer(ground, [(CARD, act) for act in acts[1:4]], "D44")
    for one in subjects:
        if one.operation in {SUBSCRIBE, REBUY}:  # the worker makes that call again
            assert one.first.status_code == 202, told(one.first)
            continue
        problem(one.first, 503, "bluesnap_busy")
        assert 1 <= int(one.first.headers["Retry-After"]) <= 60
    finished(stage, subjects)
    every_key_sold_once(wire, stage)
    written = [*stage.logs().values(), *(told(one.first) for one in subjects), *stage.tables("public").values()]
    assert not [
        text for text in written if "quokka" in text or "17171717" in text or "Oct 2099" in text or "7" * 50 in text
    ]
    assert_holds(stage, sweep=False, deep=False)


def high_water(stage):
    """The most memory that each worker has ever used, in bytes."""
    found = {}
    for pid in stage.workers():
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        found[pid] = int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024
    return found


#: Bodies that are no answer, of any call.
NONSENSE = {
    "wrong type": b"[]", "number": b"42", "text": b'"EXPIRED_TOKEN"', "null": b"null", "html": b"<html><body>It works!</body></html>",
    "id of a wrong type": b'{"subscriptionId": {"a": 1}, "vaultedShopperId": [7], "refundStatus": 7}',
    "truncated": b'{"subscriptionId": 12345678, "vaultedShopperId": 1234567', "not a number": b'{"subscriptionId": NaN}',
    "deep": b"[" * 10_000 + b"]" * 10_000, "deep in place": b'{"subscriptionId":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "contradiction": b'{"subscriptionId":1,"subscriptionId":2,"vaultedShopperId":1,"vaultedShopperId":2,"refundStatus":"SUCCESS","refundStatus":"PENDING"}',
    "another charset": '{"subscriptionId":12345678,"vaultedShopperId":1234567}'.encode("utf-16"), "no text": bytes(range(256)),
}  # fmt: skip


def test_nonsense_is_unknown_whatever_its_form(ground):
    wire, stage, _ = ground
    acts = {name: wires.say(answer("200 OK", body), happens=True) for name, body in NONSENSE.items()}
    acts["empty"] = wires.say(answer("200 OK"), happens=True)
    some = [(one, act) for one in (SUBSCRIBE, REFUND) for act in acts.values()]
    some += [(VAULT, acts[name]) for name in ("wrong type", "truncated", "deep", "contradiction", "empty")]
    some += [(one, acts[name]) for one in (MEMBERS, CANCEL) for name in ("wrong type", "html", "deep", "contradiction")]
    some += [(REBUY, acts["html"])]
    subjects = suffer(ground, some, "D45")
    subjects += suffer(ground, [(CARD, acts[name]) for name in ("wrong type", "html", "deep")], "D45")
    unknown(subjects)
    finished(stage, subjects)
    every_key_sold_once(wire, stage)
    assert_holds(stage, sweep=False, deep=False)


def test_endless_and_swollen_answers_are_not_read_to_their_end(ground):
    wire, stage, _ = ground
    before = high_water(stage)
    sent = []
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000000\r\n\r\n"
    endless = wires.stream(head, b" " * MEGABYTE, 100, sent)
    bomb = wires.say(answer("200 OK", gzip.compress(b" " * 200 * MEGABYTE, 9), "Content-Encoding: gzip"), happens=True)
    long_head = wires.say(b"HTTP/1.1 200 OK\r\n" + b"X-Filler: " + b"y" * 20 * MEGABYTE + b"\r\n\r\n{}", happens=True)
    some = [(one, act) for one in (SUBSCRIBE, MEMBERS, REFUND) for act in (endless, bomb, long_head)] + [
        (VAULT, endless),
        (VAULT, bomb),
    ]
    subjects = suffer(ground, some, "D45")
    unknown(subjects)
    assert len(sent) == 4
    assert max(sent) < 20, "somebody read on"  # what the sockets' buffers take, and no more
    after = high_water(stage)
    still = after.keys() & before.keys()  # one may have been replaced by age meanwhile
    assert max(after[pid] - before[pid] for pid in still) < 64 * MEGABYTE
    finished(stage, subjects)
    every_key_sold_once(wire, stage)
    assert_holds(stage, sweep=False, deep=False)


def edited(**fields):
    """It happens, and the true answer's fields are others; those of its charge by `charge`."""

    def edit(body):
        document = json.loads(body)
        charge = fields.get("charge")
        return json.dumps(document | fields | ({"charge": document["charge"] | charge} if charge else {})).encode()

    return wires.change(with_body(edit))


def test_subscription_that_was_not_asked_for_goes_to_a_person(ground):
    wire, stage, _ = ground
    known, other = operations.prepare(stage, [MEMBERS, MEMBERS])
    [theirs] = stage.done_for(known.name, "subscription")
    wrong = {
        "mismatch.subscription": {"subscriptionId": int(theirs["id"])},
        "mismatch.shopper": {"vaultedShopperId": int(theirs["shopper_id"])},
        "mismatch.amount": {"recurringChargeAmount": 1.0, "overrideRecurringChargeAmount": 1.0},
        "mismatch.currency": {"currency": "EUR"},
        "mismatch.plan": {"planId": 2340002},
        "mismatch.quantity": {"quantity": 2},
        "mismatch.first_charge": {"charge": {"amount": 870.0}},
    }
    before = stage.metric("panless_signup_mismatches_total")
    subjects = [suffer(ground, [(SUBSCRIBE, edited(**fields))], "D46")[0] for fields in wrong.values()]
    unknown(subjects)
    assert stage.metric("panless_signup_mismatches_total") == before + len(wrong)
    stuck = {
        one["account"]: one for one in json.loads(stage.command("signups", "list", "--state", "stuck", "--json").stdout)
    }
    assert [stuck[account_of(one.name)]["cause"] for one in subjects] == [*wrong]
    assert sum(one["event"] == "signup.stuck" for one in stage.service_log()) >= len(wrong)
    for one in subjects:
        assert stage.account(one.name)["access"]["plan"] == "community"
        assert stage.read(one.session)["status"] == "confirming"
        [true] = stage.done_for(one.name, "subscription")
        done = stage.command("signups", "resolve", stuck[account_of(one.name)]["id"], "--keep", true["id"])
        assert done.returncode == 0, done.stdout + done.stderr
    finished(stage, subjects)
    for one in (known, other):
        assert stage.account(one.name)["access"]["plan"] == "team"
        assert stage.sold(one.name) == (1, 1)
    every_key_sold_once(wire, stage)
    assert_holds(stage, sweep=False, deep=False)


def test_answers_about_somebody_else_are_not_believed(ground):
    wire, stage, _ = ground
    [known] = operations.prepare(stage, [REFUND])
    assert known.operation.run(stage, known).status_code == 201
    [theirs] = stage.done_for(known.name, "subscription")
    shopper = {"vaultedShopperId": int(theirs["shopper_id"])}
    ours = {"merchantShopperId": theirs["merchant_shopper_id"]}
    other = {"subscriptionId": int(theirs["id"]), "recurringChargeAmount": 1.0, "autoRenew": False}
    some = [
        (VAULT, edited(**shopper)),
        (VAULT, edited(**ours)),
        (VAULT, edited(**shopper, **ours)),
        (MEMBERS, edited(**other)),
        (CANCEL, edited(**other)),
    ]
    subjects = suffer(ground, some, "D46")
    # the read that confirms a change, and the one before a card is stored
    reading, [card] = operations.prepare(stage, [MEMBERS, CANCEL]), operations.prepare(stage, [CARD])
    stage.settled()
    with paused(stage):
        for one in reading:
            wire.order("get_subscription", edited(**other), fault="D46")
            one.operation.run(stage, one)
        wire.order("get_shopper", edited(**shopper, firstName="Somebody", lastName="Else"), fault="D46")
        problem(card.operation.run(stage, card), 502, "bluesnap_failed")
    unknown(subjects)
    for one in reading:
        assert one.first.status_code in {202, 502}, told(one.first)  # not confirmed, or not even begun
    finished(stage, [*subjects, *reading, card])
    assert not any(b"Somebody" in one.raw for one in wire.asked)  # was never written into the shopper's own record
    assert stage.sold(known.name) == (1, 1)
    assert stage.account(known.name)["access"]["members"] == 3
    alarms = [
        one
        for one in stage.service_log()
        if one["event"] == "bluesnap.not_itself" and one["cause"] == "anothers_answer"
    ]
    assert {"create_shopper", "get_cards"} <= {one["call"] for one in alarms}
    every_key_sold_once(wire, stage)
    assert_holds(stage, sweep=False, deep=False)


def refusal(status, code, name, *, happens=False):
    body = {"message": [{"errorName": name, "code": code, "description": "no"}]}
    return wires.say(answer(status, json.dumps(body).encode()), happens=happens)


def test_duplicate_leads_to_a_look_up_and_token_errors_to_a_fresh_card(ground):
    wire, stage, _ = ground
    duplicates = [
        refusal("400 Bad Request", "14002", "PROCESSING_DUPLICATE", happens=happens) for happens in (True, False)
    ]
    some = [(one, act) for one in (VAULT, SUBSCRIBE, REFUND, MEMBERS, CANCEL) for act in duplicates] + [
        (REBUY, duplicates[0])
    ]
    subjects = suffer(ground, some, "D47 duplicate") + suffer(ground, [(CARD, duplicates[0])], "D47 duplicate")
    unknown(subjects)
    tokens = {
        "payment_fields_token_expired": refusal("400 Bad Request", "14040", "EXPIRED_TOKEN"),
        "payment_fields_token_not_found": refusal("400 Bad Request", "14041", "TOKEN_WAS_ALREADY_USED_FOR_CC"),
        "payment_fields_token_empty": refusal("400 Bad Request", "14042", "NO_PAYMENT_DETAILS_LINKED_TO_TOKEN"),
    }
    for operation in (VAULT, CARD):
        for code, act in tokens.items():
            [one] = suffer(ground, [(operation, act)], "D47 token")
            problem(one.first, 409, code)
            assert stage.read(one.session)["status"] == "open"
            subjects.append(one)
    finished(stage, subjects)
    every_key_sold_once(wire, stage)
    assert_holds(stage, sweep=False, deep=False)


def test_forbidden_look_up_proves_nothing(ground):
    """Without proven keys: the sale happened, its answer was lost, and BlueSnap says 403 when it is asked."""
    wire, stage, _ = ground
    forbidden = wires.say(
        answer("403 Forbidden", b"User is not authorized to perform the operation", media="text/plain"), happens=False
    )
    some = [SUBSCRIBE, SUBSCRIBE, REFUND, VAULT]
    subjects = operations.prepare(stage, some)
    stage.lever("notices", {"mode": "hold"})  # nothing but the look-up tells
    with paused(stage), another_worker(stage, PANLESS_IDEMPOTENCY_PROVEN="false"):
        for one in subjects[:-1]:
            wire.order(one.operation.call, wires.lose(), fault="D47 forbidden")
        wire.order("list_subscriptions", forbidden, fault="D47 forbidden", times=4)
        wire.order("get_transaction", forbidden, fault="D47 forbidden", times=2)
        wire.order("find_shopper", forbidden, fault="D47 forbidden")
        sent = {call: len(wire.seen(call)) for call in ("create_subscription", "refund")}
        operations.run_all(stage, subjects[:-1])
        wire.order("create_shopper", wires.lose(), fault="D47 forbidden")
        operations.run_all(stage, subjects[-1:])
        unknown(subjects)
        eventually(lambda: not wire.waiting(), within=90)
        *lost, vaulted = subjects
        assert (
            eventually(lambda: stage.decided(vaulted.session)) == "open"
        )  # no money was moved: the page asks for the card again
        eventually(lambda: {stage.decided(one.session) for one in lost if one.session} == {"complete"}, within=90)
        eventually(lambda: stage.sql("SELECT count(*) FROM refunds WHERE status = 'unknown'") == [(0,)], within=90)
        # found, and never sent again
        assert {call: len(wire.seen(call)) - sent[call] for call in sent} == {"create_subscription": 2, "refund": 1}
        stage.lever("notices", {"mode": "send"})
    finished(stage, subjects)
    assert {stage.sold(one.name) for one in subjects if one.operation in BUYING} == {(1, 1)}
    every_key_sold_once(wire, stage)
    assert_holds(stage, on=("I1", "I2", "I3", "I4", "I5", "I6", "I8", "I9", "I14", "I15", "I16"))
