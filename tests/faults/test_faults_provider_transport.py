"""The way to BlueSnap fails, at every call that creates or moves money: what was certainly not sent is done again, what may have happened is looked for, nothing happens twice.

Faults 34 to 42 of the list. All misfortunes of a test happen first, at the same time; then the worker settles them, and BlueSnap's ledger is the judge.
"""

from __future__ import annotations

import json
import ssl
import threading
import warnings
from collections import Counter

import pytest

from tests.faults import faults_operations as operations
from tests.faults import faults_wire as wires
from tests.faults.faults_judge import assert_holds
from tests.faults.faults_operations import (
    ALL,
    CANCEL,
    CARD,
    MEMBERS,
    PLAN,
    REBUY,
    REFUND,
    SUBSCRIBE,
    SWITCH,
    TOGETHER,
    VAULT,
)
from tests.faults.faults_recorder import Recorder
from tests.faults.faults_serving import another_service
from tests.faults.faults_suffering import LAG, every_key_sold_once, finished, stage_on, suffer, unknown
from tests.faults.faults_wire import Wire
from tests.faults.faults_wire import answer as said
from tests.journeys.journeys_stage import account_of, eventually, new_name, paused, problem, told
from tests.support.certificates import Authority

pytestmark = pytest.mark.faults


@pytest.fixture
def lagging(unproven):
    """BlueSnap shows things late."""
    stage = unproven[1]
    stage.lever("behaviour", {"lookup_lag": LAG})
    yield unproven
    stage.lever("behaviour", {"lookup_lag": 0})


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    """BlueSnap keeps keys, and we know it. The wire, the stage, and names of customers whose plan is over."""
    with Wire() as wire, stage_on(tmp_path_factory.mktemp("kept"), wire, proven=True) as stage:
        wire.serve(stage)
        yield wire, stage, operations.ended(stage, 22)


@pytest.fixture(scope="module")
def unproven(tmp_path_factory):
    """BlueSnap ignores keys, and nobody has claimed otherwise."""
    with Wire() as wire, stage_on(tmp_path_factory.mktemp("ignored"), wire, proven=False) as stage:
        wire.serve(stage)
        stage.lever("behaviour", {"idempotency": "ignored"})
        yield wire, stage, operations.ended(stage, 6)


def test_refused_connection_is_told_and_the_same_key_succeeds_later(ground):
    wire, stage, over = ground
    subjects = operations.prepare(stage, ALL, over)
    stage.plan("C34", len(subjects))
    with paused(stage), operations.later(stage, subjects) as answers:
        for point in {one.operation.point for one in subjects}:
            stage.await_held(point, sum(one.operation.point == point for one in subjects))
        before = len(wire.asked)
        with wire.refusing():
            stage.go()
            answers()
        assert len(wire.asked) == before
    stage.hold_again()
    for one in subjects:
        if one.operation in {SUBSCRIBE, REBUY}:  # the worker makes that call again, with the same key
            assert one.first.status_code == 202, told(one.first)
        else:
            refused = problem(one.first, 503, "bluesnap_unreachable")
            assert int(one.first.headers["Retry-After"]) > 0, refused
        stage.saw("C34")
    assert stage.metric("panless_bluesnap_calls_total", outcome="never_sent") >= len(subjects)
    finished(stage, subjects)
    every_key_sold_once(wire, stage)
    assert_holds(stage, sweep=False, deep=False)


def test_request_cut_before_it_was_whole_is_unknown_and_done_once(ground):
    wire, stage, _ = ground
    places = (lambda raw: 1, lambda raw: 40, lambda raw: raw.index(b"\r\n\r\n") + 4, lambda raw: len(raw) - 1)
    acts = [wires.cut_request(place) for place in places]
    some = [(VAULT, act) for act in acts] + [(SUBSCRIBE, act) for act in acts] + [(MEMBERS, act) for act in acts]
    some += (
        [(REFUND, act) for act in acts]
        + [(CARD, act) for act in acts[1:3]]
        + [(REBUY, acts[3]), (PLAN, acts[2]), (CANCEL, acts[2])]
    )
    subjects = suffer(ground, some, "C35") + suffer(ground, [(SWITCH, acts[3])], "C35")
    unknown(subjects)
    finished(stage, subjects)
    every_key_sold_once(wire, stage)
    assert_holds(stage, sweep=False, deep=False)


def test_answer_cut_after_any_byte_is_unknown_and_adopted(ground):
    wire, stage, _ = ground
    whole = operations.prepare(stage, [SUBSCRIBE])[0]
    length = []
    wire.order(
        "create_subscription", wires.change(lambda true: length.append(wires.positions(true)) or true), fault="C38"
    )
    assert whole.operation.run(stage, whole).status_code == 201
    [places] = length
    some = [(SUBSCRIBE, wires.cut_answer(lambda true, place=place: min(place, len(true) - 1))) for place in places]
    assert len(some) > 35
    subjects = suffer(ground, some, "C38")
    unknown(subjects)
    for operation in (VAULT, MEMBERS, CANCEL, REFUND, CARD, REBUY):
        acts = [wires.cut_answer(lambda true, part=part: int(len(true) * part)) for part in (0.1, 0.97)]
        subjects += suffer(ground, [(operation, act) for act in acts], "C38")
    unknown(subjects)
    finished(stage, subjects)
    every_key_sold_once(wire, stage)
    assert_holds(stage, sweep=False, deep=False)


def test_lost_answer_without_keys_is_looked_for_until_it_shows(lagging):
    wire, stage, _ = lagging
    some = (VAULT, SUBSCRIBE, SUBSCRIBE, REBUY, MEMBERS, CANCEL, REFUND, REFUND, CARD)
    subjects = suffer(lagging, [(one, wires.lose(reset=True)) for one in some], "C36")
    subjects += suffer(lagging, [(SWITCH, wires.lose(reset=True))], "C36")
    unknown(subjects[:-1])
    assert subjects[-1].first.status_code == 200  # the read that follows shows the new card
    finished(stage, subjects)
    every_key_sold_once(wire, stage)
    for call in ("create_subscription", "refund"):  # nothing that moves money was sent again
        assert len(Counter(wire.seen(call))) == len(wire.seen(call))
    assert_holds(stage, sweep=False, deep=False)


def test_call_that_lands_late_without_keys_is_found_and_not_repeated(lagging):
    wire, stage, _ = lagging
    now = threading.Event()
    some = (VAULT, SUBSCRIBE, SUBSCRIBE, SUBSCRIBE, REBUY, REFUND)
    subjects = suffer(lagging, [(one, wires.late(now)) for one in some], "C37")
    unknown(subjects)
    before = Counter(one.call for one in wire.asked)
    # after the quiet period it was looked for more than once, and nothing was there
    eventually(lambda: len(wire.seen("list_subscriptions")) >= before["list_subscriptions"] + 8, within=60)
    eventually(lambda: len(wire.seen("get_transaction")) >= before["get_transaction"] + 2, within=60)
    now.set()
    eventually(lambda: wire.did["C37"] == len(subjects))
    finished(stage, subjects)
    every_key_sold_once(wire, stage)
    for call in ("create_subscription", "refund"):
        assert len(Counter(wire.seen(call))) == len(wire.seen(call))
    assert_holds(stage, on=("I1", "I2", "I4", "I5", "I6", "I9", "I14", "I15"))


def test_call_that_lands_after_its_repeat_has_no_effect_of_its_own(ground):
    wire, stage, _ = ground
    now = threading.Event()
    some = (VAULT, SUBSCRIBE, SUBSCRIBE, SUBSCRIBE, REBUY, REFUND, CARD, CANCEL)
    subjects = suffer(ground, [(one, wires.late(now)) for one in some], "C37")
    unknown(subjects)
    finished(stage, subjects)  # looked for, not there, repeated or asked for again: and only now the first one arrives
    now.set()
    eventually(lambda: wire.did["C37"] == len(subjects))
    finished(stage, [one for one in subjects if one.operation is not CANCEL])
    every_key_sold_once(wire, stage)
    assert_holds(stage, sweep=False, deep=False)


def test_change_that_lands_after_another_was_agreed_goes_to_a_person(ground):
    """No key covers a PUT: one that BlueSnap carries out when nobody expects it any more writes a price that is no longer agreed."""
    wire, stage, _ = ground
    now = threading.Event()
    [one] = suffer(ground, [(MEMBERS, wires.late(now))], "C37")
    unknown([one])
    url = f"/v1/accounts/{account_of(one.name)}/subscription"

    def agreed(members):
        answer = stage.call("PATCH", url, auth=stage.stack.api_key, json={"members": members})
        return answer.status_code == 200 and answer.json()

    assert eventually(lambda: agreed(5), within=60)["next_charge"]["total"]["amount"] == "145.00"
    now.set()
    eventually(lambda: wire.did["C37"] >= 1 and stage.ledger()[-1].get("amount") == "232.00")
    assert stage.command("sweep", "--apply").returncode == 1
    tasks = "SELECT kind FROM tasks WHERE account = %s AND state = 'open'"
    assert eventually(lambda: stage.sql(tasks, account_of(one.name))) == [("other_terms",)]
    assert eventually(lambda: agreed(6), within=60)["next_charge"]["total"]["amount"] == "174.00"
    assert_holds(stage, sweep=False, deep=False)


def test_answer_that_drips_ends_at_our_total_deadline(ground):
    wire, stage, _ = ground
    acts = [wires.drip(0.05, happens=happens) for happens in (True, False)]
    subjects = suffer(ground, [(one, act) for one in TOGETHER if one is not CARD for act in acts], "C39")
    subjects += suffer(ground, [(CARD, act) for act in acts], "C39")
    unknown(subjects)
    # each byte came long before the time for a silence was over; nobody waited for the last
    assert max(one.first.elapsed.total_seconds() for one in subjects) < wires.SECONDS - 2
    finished(stage, subjects)
    every_key_sold_once(wire, stage)
    assert_holds(stage, on=("I1", "I2", "I9"), sweep=False, deep=False)


def test_redirects_are_not_followed_and_credentials_go_nowhere(ground):
    wire, stage, _ = ground
    with Recorder(stage) as recorder:
        places = [
            f"http://127.0.0.1:{recorder.port}/services/2/recurring/subscriptions",
            f"https://127.0.0.1:{recorder.port}/",
            f"http://localhost:{recorder.port}/",
            f"//0177.0.0.1:{recorder.port}/",
            "http://10.0.0.1/",
            f"{wire.url}/services/2/redirected",
            "/services/2/redirected",
        ]
        kinds = (
            "301 Moved Permanently",
            "302 Found",
            "303 See Other",
            "307 Temporary Redirect",
            "308 Permanent Redirect",
        )
        acts = [
            wires.say(said(kinds[number % 5], b"", f"Location: {place}"), happens=bool(number % 2))
            for number, place in enumerate(places)
        ]
        some = [(SUBSCRIBE, act) for act in acts] + [(VAULT, act) for act in acts[:4]]
        some += [(one, act) for one in (MEMBERS, CANCEL, REFUND, CARD, REBUY) for act in acts[:2]]
        subjects = suffer(ground, some, "C41")
        unknown(subjects)
        assert recorder.connections == 0
    assert not any(b"redirected" in one.raw.partition(b"\r\n")[0] for one in wire.asked)
    alarms = [record for record in stage.service_log() if record["event"] == "bluesnap.not_itself"]
    assert sum(record["cause"] == "redirect" for record in alarms) >= len(subjects)
    finished(stage, subjects)
    every_key_sold_once(wire, stage)
    assert_holds(stage, on=("I1", "I2", "I10"), sweep=False, deep=False)


def test_connection_that_was_closed_meanwhile_never_repeats_a_post(ground):
    wire, stage, _ = ground
    idle, reset = operations.prepare(stage, [SUBSCRIBE] * 4), operations.prepare(stage, [SUBSCRIBE] * 4)
    wire.keep_alive = True
    try:
        stage.plan("C42", 8)
        with paused(stage):
            with operations.later(stage, idle) as answers:
                stage.await_held(SUBSCRIBE.point, 4)
                assert wire.hang_up() >= 1  # what they came over a moment ago is closed before they go on
                stage.go()
                assert [answer.status_code for answer in answers()] == [201] * 4
            stage.hold_again()
            before = len(wire.asked)
            wire.order("create_subscription", wires.lose(happens=False, reset=True), fault="C42 under it", times=4)
            operations.run_all(stage, reset)
    finally:
        wire.keep_alive = False
        wire.hang_up()
    unknown(reset)
    asked = wire.asked[before:]
    posts = [one for one in asked if one.call == "create_subscription"]
    assert len(posts) == 4  # one each, also over connections that had been used before
    assert {one.connection for one in posts} & {one.connection for one in asked if one.call == "create_shopper"}
    stage.saw("C42", 8)
    finished(stage, reset)
    every_key_sold_once(wire, stage)
    assert_holds(stage, sweep=False, deep=False)


def test_name_without_an_address_is_not_sent_and_counted(ground):
    wire, stage, _ = ground
    stage.plan("C34 name")
    module = ["-m", "tests.faults.faults_elsewhere", "--no-name", "localhost"]
    with another_service(stage, module=module, PANLESS_BLUESNAP_URL=wire.url.replace("127.0.0.1", "localhost")) as lost:
        refused = lost.order(new_name())
        problem(refused, 503, "bluesnap_unreachable")
        assert "Retry-After" in refused.headers
        assert (
            lost.metric("panless_bluesnap_calls_total", call="create_payment_fields_token", outcome="never_sent") == 1
        )
        stage.saw("C34 name")
    assert_holds(stage, on=("I1",), sweep=False, deep=False)


def _contexts(folder):
    """What the peer may speak TLS with, by what is wrong with it."""
    ours, others = Authority(_made(folder / "ours")), Authority(_made(folder / "others"))
    old = ours.server_context("localhost")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    found = {"good": ours.server_context("localhost"), "expired": ours.server_context("localhost", days=-1)}
    found |= {
        "wrong host": ours.server_context("bluesnap.test"),
        "self-signed": others.server_context("localhost"),
        "old protocol": old,
    }
    return ours.file, found


def _made(folder):
    folder.mkdir()
    return folder


def test_peer_that_cannot_prove_itself_hears_nothing_and_raises_an_alarm(ground, tmp_path):
    _, stage, _ = ground
    trusted, contexts = _contexts(tmp_path)
    spoken = ["good"]
    with Wire(wrap=lambda connection: contexts[spoken[-1]].wrap_socket(connection, server_side=True)) as peer:
        peer.serve(stage)
        module = ["-m", "tests.faults.faults_elsewhere", "--trust", str(trusted)]
        with another_service(stage, module=module, PANLESS_BLUESNAP_URL=peer.url) as secure:
            name = new_name()
            session = secure.open(name, card="visa")
            heard = len(peer.asked)
            for wrong in [one for one in contexts if one != "good"]:
                stage.plan(f"C40 {wrong}")
                spoken.append(wrong)
                problem(secure.order(new_name()), 503, "bluesnap_unreachable")
                problem(secure.complete(session, name), 503, "bluesnap_unreachable")
                assert len(peer.asked) == heard
                told_of = [json.loads(line) for line in secure.stack.log.read_text().splitlines()]
                alarms = [one for one in told_of if one["event"] == "bluesnap.not_itself"]
                assert {"create_payment_fields_token", "create_shopper"} <= {one["call"] for one in alarms}
                assert alarms[-1]["cause"] == ("tls_failed" if wrong == "old protocol" else "certificate_refused")
                stage.saw(f"C40 {wrong}")
            outcomes = secure.metric("panless_bluesnap_calls_total", outcome="never_sent")
            assert outcomes == 2 * (len(contexts) - 1)
            spoken.append("good")  # it is itself again: the same page, the same card
            assert secure.complete(session, name).status_code == 201
    assert_holds(stage, on=("I1", "I2", "I3", "I4", "I5", "I6", "I9", "I14", "I15", "I16"))
