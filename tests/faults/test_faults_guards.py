"""Guards and controls that fail: what they guard is refused and somebody is told; once they are back everything goes on, and nothing is missing.

Of the list, E50 (the log's archive is away) is in test_faults_log_archive.py, E53 (the page's scripts change) in tests/page, E54 in test_faults_rotation.py.
"""

from __future__ import annotations

import contextlib
from functools import partial
from pathlib import Path

import psycopg
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.faults.faults_clients import Buyer
from tests.faults.faults_judge import assert_holds
from tests.faults.faults_notices import taken
from tests.faults.faults_rotation import notice
from tests.faults.faults_stage import ROOT, FaultStage
from tests.journeys.journeys_stage import eventually, told

pytestmark = pytest.mark.faults

SETTINGS = {"PANLESS_WAIT_SECONDS": "20", "PANLESS_SWEEP_HOURS": "24"}
#: What the planted breakage of the scan falls over (bugs.py); no honest name holds it.
STRANGE = "Zqxunscannable"
ALARMS = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
holds = partial(assert_holds, sweep=False, deep=False)


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with FaultStage.start(tmp_path_factory.mktemp("guards"), settings=SETTINGS, bugs=("scan_breaks",)) as running:
        yield running


@contextlib.contextmanager
def chain_held(stage):
    """Somebody holds the one row that every entry is linked under: the journal is slow beyond all limits."""
    with psycopg.connect(stage.direct_url) as connection:
        connection.execute("SELECT * FROM chain FOR UPDATE")
        yield


@contextlib.contextmanager
def altered(stage, break_it, mend):
    stage.sql(break_it)
    try:
        yield
    finally:
        stage.sql(mend)


#: What fails, and the status of what is refused for it.
JOURNALS = {
    "slow": (chain_held, 503),
    "missing": (
        partial(
            altered,
            break_it="ALTER FUNCTION link_transaction() RENAME TO link_nothing",
            mend="ALTER FUNCTION link_nothing() RENAME TO link_transaction",
        ),
        500,
    ),
    "denied": (
        partial(
            altered,
            break_it="CREATE TRIGGER a_denied BEFORE INSERT ON entries EXECUTE FUNCTION refuse_change()",
            mend="DROP TRIGGER a_denied ON entries",
        ),
        500,
    ),
}


@pytest.mark.parametrize("how", JOURNALS)
def test_without_its_journal_nothing_is_changed_and_nobody_charged(stage, how):
    broken, refused = JOURNALS[how]
    stage.plan(f"E48 {how}")
    stage.settled()
    buyer = Buyer(stage).open()
    tables, asked, failed = stage.tables("public"), len(stage.received("create_shopper")), _failed(stage)
    with broken(stage):
        answers = [buyer.complete().status, stage.order("Somebody").status_code]
        assert answers == [refused, refused]
        assert stage.call("GET", f"/v1/accounts/{buyer.account}", auth=stage.stack.api_key).status_code == 200
        assert _failed(stage) > failed
    assert f'panless_requests_total{{status="{refused}"}}' in ALARMS
    now = stage.tables("public")
    assert [
        name
        for name in ("entries", "versions", "signups", "subscriptions")
        if now[f"public.{name}"] != tables[f"public.{name}"]
    ] == []
    assert len(stage.received("create_shopper")) == asked
    stage.saw(f"E48 {how}")
    assert buyer.come_back().status == 201
    holds(stage, buyers=[buyer], on=("I1", "I2", "I6", "I15", "I16"))


def _failed(stage):
    """What the log says of it at once, and an alarm counts: lines of level error, and answers of 5xx."""
    errors = {"request.failed", "database.unavailable"}
    lines = sum(line["event"] in errors and line["level"] == "error" for line in stage.service_log())
    answers = sum(
        stage.metric("panless_requests_total", door=door, status=str(status))
        for door in ("page", "checkout")
        for status in (500, 503)
    )
    return min(lines, answers)


def test_notice_is_not_acknowledged_while_the_journal_is_away(stage):
    stage.plan("E48 notices")
    _, subscription = _bought(stage)
    with chain_held(stage):
        stage.lever("cancel", {"subscription_id": subscription, "at_period_end": True})
        eventually(lambda: 503 in _statuses(stage, "CANCEL_ON_RENEWAL"), within=60)
    stage.saw("E48 notices")
    eventually(lambda: _statuses(stage, "CANCEL_ON_RENEWAL")[-1] == 200, within=60)
    holds(stage, on=("I1", "I3", "I4", "I6"))


def _statuses(stage, kind):
    [found] = [one for one in stage.lever("notices")["notices"] if one["type"] == kind][-1:]
    return [one["status"] for one in found["deliveries"]]


def _bought(stage):
    buyer = Buyer(stage).open()
    assert buyer.complete().status == 201
    [(subscription,)] = stage.sql("SELECT provider_subscription FROM subscriptions WHERE account = %s", buyer.account)
    return buyer, subscription


def test_without_its_archive_the_service_goes_on_and_checkpoints_catch_up(stage):
    stage.plan("E49")
    place = Path(stage.setting("PANLESS_ARCHIVE_URL"))
    eventually(
        lambda: (place / "checkpoints").is_dir() and _gauge(stage, "panless_checkpoints_uncopied") == 0, within=90
    )
    place.rename(away := place.with_name("away"))
    place.write_text("no folder")
    buyer, _ = _bought(stage)
    eventually(lambda: _gauge(stage, "panless_checkpoints_uncopied") > 0, within=150)
    assert "panless_checkpoints_uncopied_seconds" in ALARMS
    stage.saw("E49")
    assert _bought(stage)[0].come_back().status == 201
    place.unlink()
    away.rename(place)
    eventually(lambda: _gauge(stage, "panless_checkpoints_uncopied") == 0, within=150)
    done = stage.command("audit", "verify")
    assert done.returncode == 0, done.stdout
    holds(stage, buyers=[buyer], on=("I1", "I2", "I6"))


def _gauge(stage, name):
    """As the worker shows it; None while it cannot say."""
    page = requests.get(f"http://127.0.0.1:{stage.stack.ports.worker}/metrics", timeout=10).text
    values = [
        one.value for family in text_string_to_metric_families(page) for one in family.samples if one.name == name
    ]
    return sum(values) if values else None


def test_notices_under_a_wrong_key_alarm_and_a_sweep_heals(stage):
    stage.plan("E51")
    buyer, subscription = _bought(stage)
    stage.quiet()
    refused = stage.metric("panless_notices_refused_total")
    stage.lever("secrets", {"webhook_key": "a-key-that-nobody-told-us"})
    try:
        stage.lever("cancel", {"subscription_id": subscription})
        eventually(lambda: stage.metric("panless_notices_refused_total") >= refused + 5, within=90)
        assert set(_statuses(stage, "CANCELLATION")) == {401}
        assert "increase(panless_notices_refused_total[15m]) >= 5" in ALARMS
        assert stage.sql(
            "SELECT count(*) FROM notices WHERE type = 'CANCELLATION' AND provider_subscription = %s", subscription
        ) == [(0,)]
        stage.saw("E51")
        stage.command("sweep", "--apply")
        ended = "SELECT status FROM subscriptions WHERE account = %s"
        eventually(lambda: stage.sql(ended, buyer.account) == [("ended",)], within=60)
    finally:
        stage.lever("secrets", {"webhook_key": stage.setting("PANLESS_WEBHOOK_KEYS").partition(",")[0]})
    taken(stage, notice())
    holds(stage, on=("I1", "I4"))


def test_scan_that_breaks_lets_nothing_in_and_says_nothing_of_it(stage):
    stage.plan("E52")
    buyer = Buyer(stage).open()
    answer = stage.complete(buyer.session, STRANGE)
    assert (answer.status_code, answer.json()["code"]) == (422, "card_data_refused"), told(answer)
    assert stage.metric("panless_card_data_refused_total", rule="scan_failed") == 1
    stage.saw("E52")
    for text in (told(answer), *stage.logs().values(), *map(str, stage.tables().values())):
        assert STRANGE not in text
    assert buyer.complete().status == 201
    holds(stage, buyers=[buyer], on=("I1", "I2"))
