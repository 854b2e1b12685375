"""Notices that come too often, too late, too early, forged, for nobody, or not at all: one effect each, and nothing that was acknowledged is lost."""

from __future__ import annotations

import io
import json
import random
import string
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from werkzeug.test import EnvironBuilder

from tests.faults import faults_judge
from tests.faults.faults_notices import (
    FORM,
    all_at_once,
    bodies,
    bought,
    charges,
    composed,
    form_of,
    go,
    headers_for,
    inbox,
    key_of,
    looked,
    now,
    only_once,
    poured,
    sign,
    stamp_of,
    taken,
    unheard,
)
from tests.faults.faults_stage import FaultStage
from tests.journeys.journeys_stage import eventually

pytestmark = pytest.mark.faults
COPIES = 100
MUTATIONS = 1_000


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with FaultStage.start(tmp_path_factory.mktemp("notices")) as running:
        yield running


@pytest.fixture(autouse=True)
def plans_of_its_own(request):
    """Each test plans its own faults; a lever that another one pulled is back."""
    if "stage" in request.fixturenames:
        stage = request.getfixturevalue("stage")
        stage.planned.clear()
        stage.fired.clear()


# 55: too often


def test_hundred_copies_at_once_have_one_effect(stage):
    stage.plan("F55")
    with unheard(stage) as (_, body):
        assert all_at_once(stage, [body] * COPIES) == [(200, b"")] * COPIES
        only_once(stage, body)
        stage.saw("F55")
    faults_judge.assert_holds(stage, on=("I1", "I3"), deep=False)


def test_hundred_wordings_at_once_of_one_payment_have_one_effect(stage):
    stage.plan("F55 in other words")
    with unheard(stage) as (_, body):
        wordings = [f"{body}&custom1=said+{number}" for number in range(COPIES)]
        assert all_at_once(stage, wordings) == [(200, b"")] * COPIES
        only_once(stage, body)
        stage.saw("F55 in other words")
    faults_judge.assert_holds(stage, on=("I1", "I3"), deep=False)


def test_hundred_notices_at_once_of_one_subscription_are_all_taken(stage):
    stage.plan("F55 of one subscription")
    _, subscription = bought(stage)
    then = now(stage)
    kinds = ("CONTRACT_CHANGE", "CANCEL_ON_RENEWAL", "CANCELLATION", "ACCOUNT_UPDATER")
    different = [
        composed(kinds[number % 4], at=then - timedelta(minutes=number // 4), subscriptionId=subscription)
        for number in range(COPIES)
    ]
    assert all_at_once(stage, different) == [(200, b"")] * COPIES
    kept = "SELECT count(*) FROM notices WHERE provider_subscription = %s AND type = ANY(%s)"
    assert stage.sql(kept, subscription, list(kinds)) == [(COPIES,)]
    looked(stage)
    assert stage.sql(f"{kept} AND outcome <> 'applied'", subscription, list(kinds)) == [(0,)]
    stage.saw("F55 of one subscription")
    faults_judge.assert_holds(stage, on=("I3",), deep=False)


# 56, 58, 59: too late, too early


def test_duplicate_after_forty_hours_and_ninety_days_has_no_effect(stage):
    stage.plan("F56", times=2)
    _, subscription = bought(stage)
    stage.quiet()
    [body] = bodies(stage, subscription, "CHARGE")
    first = headers_for(stage, body)
    for span in ("PT40H", "P90D"):
        go(stage, span)
        repeated = stage.metric("panless_notices_total", type="CHARGE", outcome="repeated")
        taken(stage, body)
        taken(stage, f"{body}&custom1=again+{span}")
        taken(stage, body, stamp=first["bls-ipn-timestamp"])  # not even signed anew
        assert stage.metric("panless_notices_total", type="CHARGE", outcome="repeated") == repeated + 3
        assert len(inbox(stage, body)) == 1
        assert charges(stage, form_of(body)["referenceNumber"])[:2] == (1, 1)
        stage.saw("F56")
    faults_judge.assert_holds(stage, on=("I1", "I3"), deep=False)


@pytest.mark.parametrize(
    ("fault", "age", "doubt"),
    [("F58", timedelta(hours=5), "stale"), ("F59 in the future", -timedelta(hours=2), "future")],
    ids=["hours late", "from the future"],
)
def test_notice_signed_at_another_time_is_a_hint_and_bluesnap_is_asked(stage, fault, age, doubt):
    stage.plan(fault)
    before = stage.metric("panless_notices_doubted_total", reason=doubt)
    with unheard(stage) as (subscription, body):
        taken(stage, body, age=age)
        assert inbox(stage, body) == [("hint", doubt)]
        asked = "SELECT look_at <= clock_timestamp() FROM subscriptions WHERE provider_subscription = %s"
        assert stage.sql(asked, subscription) == [(True,)]
        assert charges(stage, form_of(body)["referenceNumber"]) == (0, 0, 0)
        assert stage.metric("panless_notices_doubted_total", reason=doubt) == before + 1
        stage.saw(fault)
    eventually(lambda: inbox(stage, body)[0][0] == "applied", within=120)
    [outcome] = inbox(stage, body)
    # BlueSnap's own, let go, may be quicker than the look
    assert outcome in {("applied", "by_look"), ("applied", None)}
    only_once(stage, body, outcome)
    faults_judge.assert_holds(stage, on=("I3", "I4"), deep=False)


def changes_of_summer_time(moment):
    """The next two moments at which BlueSnap's clocks change, in UTC."""
    zone, found = ZoneInfo("America/Los_Angeles"), []
    hour = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    while len(found) < 2:
        later = hour + timedelta(hours=1)
        if hour.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset():
            found.append(later)
        hour = later
    return found


def test_night_in_which_clocks_change_refuses_nothing(stage):
    """An hour off to either side, before and after each change: hints that are counted, an alarm, and no refusal."""
    _, subscription = bought(stage)
    refused = stage.metric("panless_notices_refused_total")
    for change in changes_of_summer_time(now(stage)):
        for minutes in (-70, -10, 10, 70):
            moment = change + timedelta(minutes=minutes)
            stage.lever("clock", {"set": moment.isoformat()})
            stage.plan("F59 in the night of the change", times=2)
            for shift, doubt in ((0, "look"), (60, "stale"), (-60, "future")):
                alarm = stage.metric("panless_notices_doubted_total", reason=doubt)
                fields = {"subscriptionId": subscription, "referenceNumber": str(4_000_000 + shift)}
                body = composed("CONTRACT_CHANGE", at=moment, **fields)
                taken(stage, body, age=timedelta(minutes=shift))
                assert inbox(stage, body)[-1] in {("hint", doubt), ("applied", "by_look")}
                if shift:
                    assert stage.metric("panless_notices_doubted_total", reason=doubt) == alarm + 1
                    stage.saw("F59 in the night of the change")
    assert stage.metric("panless_notices_refused_total") == refused
    looked(stage)
    faults_judge.assert_holds(stage, on=("I3", "I4"), deep=False)


# 60, 61: not BlueSnap's


def mutations(stage, body, number):
    """So many requests that BlueSnap never made, by what is wrong with them, from an authentic one. Seeded."""
    chance = random.Random(60)
    right = headers_for(stage, body)
    stamp, signature = right["bls-ipn-timestamp"], right["bls-signature"]

    def other(text):
        place = chance.randrange(len(text))
        return text[:place] + chance.choice([c for c in "0123456789abcdef" if c != text[place]]) + text[place + 1 :]

    def signed(key, what=body, at=stamp):
        return {"bls-signature": sign(key, at, what)}

    def altered():
        raw = bytearray(body.encode())
        raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(7)
        return bytes(raw), {}

    kinds = [
        altered,
        lambda: (f"{body}&x={chance.random()}", {}),
        lambda: (body[: chance.randrange(len(body))], {}),
        lambda: (body, {"bls-signature": other(signature)}),
        lambda: (body, {"bls-signature": signature[: chance.randrange(64)]}),
        lambda: (body, {"bls-ipn-timestamp": stamp_of(now(stage) + timedelta(seconds=chance.randrange(1, 9_000)))}),
        lambda: (body, {"bls-ipn-timestamp": f"{stamp}{chance.randrange(10)}"}),
        lambda: (body, signed("")),
        lambda: (body, signed(" ")),
        lambda: (body, signed("".join(chance.choices(string.ascii_letters, k=24)))),
        lambda: (body, signed(key_of(stage)[:-1])),
        lambda: (body, {"bls-signature": sign(key_of(stage), "", body)}),
    ]
    for count in range(number):
        sent, changed = kinds[count % len(kinds)]()
        yield sent, right | changed
    for missing in ("bls-signature", "bls-ipn-timestamp"):
        yield body, {name: value for name, value in right.items() if name != missing}


def test_thousand_mutations_are_refused_alike_and_change_nothing(stage):
    stage.plan("F60", times=MUTATIONS)
    with unheard(stage) as (_, body):
        before, refused = stage.tables("public"), stage.metric("panless_notices_refused_total")
        requests = list(mutations(stage, body, MUTATIONS))
        answers = poured(stage, requests, senders=8)
        assert {status for status, _, _ in answers} == {401}
        said = {json.dumps(json.loads(content) | {"request_id": ""}, sort_keys=True) for _, content, _ in answers}
        passing = {"date", "x-request-id", "connection", "keep-alive"}
        heads = {tuple(sorted((n.lower(), v) for n, v in h.items() if n.lower() not in passing)) for _, _, h in answers}
        assert (len(said), len(heads)) == (1, 1), (said, heads)
        assert stage.metric("panless_notices_refused_total") == refused + len(requests)
        assert stage.tables("public") == before
        stage.saw("F60", times=MUTATIONS)
        taken(stage, body)
        only_once(stage, body)
    faults_judge.assert_holds(stage, on=("I3",), deep=False)


def random_header(chance):
    """A value that a header can have, and that is no signature for sure."""
    pools = (string.hexdigits, string.printable.strip(), "".join(map(chr, range(32, 256))), "0123456789 -:.")
    return "".join(chance.choices(chance.choice(pools), k=chance.choice((0, 1, 8, 63, 64, 65, 128, 900))))


def test_ten_thousand_random_signatures_cause_no_server_error(web):
    chance, body, statuses = random.Random(61), composed("CHARGE", at=datetime(2031, 4, 10, tzinfo=UTC)).encode(), []
    asked = {"Content-Type": FORM, "Content-Length": str(len(body))}
    environ = EnvironBuilder(path="/webhooks/bluesnap", method="POST", data=body, headers=asked).get_environ()
    for _ in range(10_000):
        fields = {"HTTP_BLS_SIGNATURE": random_header(chance), "HTTP_BLS_IPN_TIMESTAMP": random_header(chance)}
        answer = web.app.wsgi_app(environ | fields | {"wsgi.input": io.BytesIO(body)}, lambda s, *_: statuses.append(s))
        answer.close()
    # what looks like a card number in a header is refused before anybody reads it
    assert {status[:3] for status in statuses} <= {"401", "422"}
    assert len(statuses) == 10_000


def test_random_signatures_over_the_wire_cause_no_server_error(stage):
    stage.plan("F61", times=400)
    looked(stage)
    stage.settled()
    chance, before = random.Random(62), stage.tables("public")
    requests = [
        ("a=b", {"Content-Type": FORM, "bls-signature": wire(chance), "bls-ipn-timestamp": wire(chance)})
        for _ in range(400)
    ]
    answers = poured(stage, requests, senders=4)
    assert {status for status, _, _ in answers} <= {400, 401, 422}
    stage.saw("F61", times=len(answers))
    assert stage.tables("public") == before
    faults_judge.assert_holds(stage, on=("I9",), deep=False)


def wire(chance):
    """A random value that http.client lets out."""
    return random_header(chance).encode("latin-1", "replace").decode("latin-1").strip() or "-"
