"""The doctor's facts: what the tables and BlueSnap show is found, what was told is not missed, and nothing is changed by looking."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, insert, update

from service.archive import Archive
from service.billing import tasks
from service.billing.life import looks
from service.billing.repair import adoption, doctor
from service.bluesnap.payloads import Charge, Destination, NotificationConfig
from service.errors import Misconfigured, NotFound, Unknown
from service.store.ids import new_id
from service.store.journal import Origin
from service.store.models import DISPUTES, ENTRIES, NOTICES, PRICES, REFUNDS, SUBSCRIPTIONS
from tests.support.databases import by_stealth, count_rows
from tests.support.notices import charge_form, deliver

MAY = date(2031, 5, 10)
MACHINE = datetime(2026, 1, 2, 3, 4, 5, 500_000, tzinfo=UTC)


def machine():
    return datetime.now(UTC)


@pytest.fixture
def examine(tools, bluesnap):
    """The words that the doctor finds, over a BlueSnap whose settings are as they should be."""
    types = list(doctor.doctor_checks.NEEDED)
    url = "http://127.0.0.1:8080/webhooks/bluesnap"
    bluesnap.notification_config = NotificationConfig([Destination(url, types)], receipts=False)

    def run():
        bluesnap.clock = bluesnap.clock or machine().replace(microsecond=0)
        return {(one.word, one.subject) for one in doctor.examine(replace(tools, machine_clock=machine))}

    return run


@pytest.fixture
def bought(desk, bluesnap):
    """A subscription whose first charge was told."""
    desk.buy()
    deliver(desk.tools, charge_form(bluesnap.subscriptions[0]))
    return bluesnap.subscriptions[0]


def look(desk):
    with desk.tools.engine.begin() as connection:
        connection.execute(update(SUBSCRIPTIONS).values(look_at=func.clock_timestamp()))
    looks.look_due(desk.tools)


def into_the_next_period(desk, clock, **more):
    clock.advance(seconds=(desk.subscriptions[0].paid_until - clock()).total_seconds())
    clock.advance(**more)


def tell(desk, kind, **changed):
    """A notice about the one subscription that there is."""
    told = {"transactionType": kind, "subscriptionId": desk.subscriptions[0].provider_subscription, **changed}
    deliver(desk.tools, charge_form(**told))


def never(kind):
    return {("notices.never_arrived", kind)}


def test_deployment_where_all_is_well_has_no_finding(desk, bought, examine, clock):
    clock.advance(hours=3)
    assert examine() == set()


def test_doctor_changes_nothing(desk, bluesnap, bought, examine, clock):
    clock.advance(hours=3)
    calls, rows, states = len(bluesnap.calls), count_rows(desk.tools.engine), desk.subscriptions
    examine()
    assert (count_rows(desk.tools.engine), desk.subscriptions) == (rows, states)
    assert {call.name for call in bluesnap.calls[calls:]} == {"get_notification_config", "get_clock", "get_plan"}


def test_first_charge_that_nobody_told_is_found_an_hour_later(desk, examine, clock):
    desk.buy()
    assert examine() == set()
    clock.advance(hours=1, seconds=1)
    assert examine() == never("CHARGE")


@pytest.mark.parametrize("kind", [None, "CHARGE", "RECURRING"])
def test_renewal_that_only_a_look_has_found_should_have_been_told(desk, bluesnap, bought, examine, clock, kind):
    bluesnap.renew(bought.subscription_id, MAY)
    into_the_next_period(desk, clock, hours=1)
    look(desk)
    if kind is not None:
        tell(desk, kind, referenceNumber=desk.charges[-1].reference)
    look(desk)
    clock.advance(hours=2)
    assert examine() == (never("RECURRING") if kind is None else set())


def test_type_that_came_for_one_renewal_and_not_for_another_is_lost(desk, bluesnap, bought, examine, clock):
    for day, told in ((MAY, True), (date(2031, 6, 10), False)):
        bluesnap.renew(bought.subscription_id, day)
        into_the_next_period(desk, clock, hours=1)
        look(desk)
        if told:
            tell(desk, "RECURRING", referenceNumber=desk.charges[-1].reference)
            look(desk)
    clock.advance(hours=2)
    assert examine() == {("notices.lost", "RECURRING")}


@pytest.mark.parametrize("told", [False, True])
def test_renewal_that_failed_should_have_been_told(desk, bluesnap, bought, examine, clock, told):
    into_the_next_period(desk, clock, days=2)
    look(desk)
    assert desk.subscriptions[0].status == "past_due"
    if told:
        tell(desk, "SUBSCRIPTION_CHARGE_FAILURE", transactionDate="04/10/2031 01:00 AM")
    look(desk)
    assert examine() == (set() if told else never("SUBSCRIPTION_CHARGE_FAILURE"))


@pytest.mark.parametrize("told", [None, "CANCELLATION", "CANCELLATION_REFUND"])
def test_end_should_have_been_told(desk, bluesnap, bought, examine, clock, told):
    bluesnap.change(bought.subscription_id, status="CANCELED")
    look(desk)
    if told is not None:
        tell(desk, told)
    clock.advance(hours=2)
    found = examine()
    assert (never("CANCELLATION") <= found) is (told is None)


@pytest.mark.parametrize("told", [False, True])
def test_switched_off_renewal_should_have_been_told(desk, bluesnap, bought, examine, told):
    bluesnap.change(bought.subscription_id, auto_renew=False)
    look(desk)
    assert examine() == set()
    with by_stealth(desk.tools.engine) as connection:
        connection.execute(update(ENTRIES).values(at=func.clock_timestamp() - timedelta(hours=2)))
    if told:
        tell(desk, "CANCEL_ON_RENEWAL")
        look(desk)
    assert examine() == (set() if told else never("CANCEL_ON_RENEWAL"))


def insert_row(desk, table, **values):
    with by_stealth(desk.tools.engine) as connection:
        connection.execute(insert(table).values(**values))


@pytest.mark.parametrize("told", [False, True])
def test_switch_of_plan_should_have_been_told(desk, bought, examine, clock, told):
    subscription = desk.subscriptions[0]
    for plan, day in (("team", date(2031, 3, 1)), ("business", MAY)):
        insert_row(
            desk, PRICES, id=new_id("pr"), subscription_id=subscription.id, applies_from=day, plan=plan, plan_version=1,
            members=10, amount=Decimal(1), currency="USD", agreed_at=clock(),
        )  # fmt: skip
    if told:
        tell(desk, "CONTRACT_CHANGE")
        look(desk)
    clock.advance(hours=2)
    assert examine() == (set() if told else never("CONTRACT_CHANGE"))


@pytest.mark.parametrize(
    ("cancels", "told", "found"),
    [
        (False, {}, never("REFUND")),
        (True, {}, never("CANCELLATION_REFUND")),
        (False, {"transactionType": "REFUND", "reversalRefNum": "7300001"}, set()),
        (True, {"transactionType": "CANCELLATION_REFUND"}, set()),
    ],
)
def test_refund_should_have_been_told_by_its_reference_or_its_charges(
    desk, bought, examine, clock, cancels, told, found
):
    charge = desk.charges[0]
    insert_row(
        desk, REFUNDS, id=new_id("rf"), charge_id=charge.id, account="acct-a", amount=Decimal(1), currency="USD",
        cancel_subscription=cancels, status="succeeded", source="api", provider_refund="7300001", key=uuid.uuid4(),
        created_at=clock(),
    )  # fmt: skip
    if told:
        insert_notice(desk, clock, reference=charge.reference, **told)
    clock.advance(hours=2)
    assert examine() == found


def insert_notice(desk, clock, **told):
    """A notice as it is kept once it is settled."""
    insert_row(
        desk, NOTICES, id=new_id("nt"), delivery=uuid.uuid4().bytes * 2, type=told["transactionType"],
        reference=told.get("reference"), reversal_reference=told.get("reversalRefNum"), outcome="applied",
        received_at=clock(),
    )  # fmt: skip


def test_dispute_and_its_end_should_have_been_told(desk, bought, examine, clock):
    insert_row(
        desk, DISPUTES, id=new_id("dp"), reference="7400001", charge_reference=desk.charges[0].reference,
        subscription_id=desk.subscriptions[0].id, account="acct-a", status="lost", told_at=clock(), created_at=clock(),
    )  # fmt: skip
    clock.advance(hours=2)
    assert examine() == never("CHARGEBACK") | never("CHARGEBACK_STATUS_CHANGED")
    insert_notice(desk, clock, transactionType="CHARGEBACK", reversalRefNum="7400001")
    insert_notice(desk, clock, transactionType="CHARGEBACK_STATUS_CHANGED", reversalRefNum="7400001")
    assert examine() == set()


def test_what_was_paid_before_an_adoption_should_not_have_been_told(desk, bluesnap, bought, examine, clock):
    there = replace(bluesnap.subscriptions[0], subscription_id="55667788", shopper_id="31000042")
    bluesnap.subscriptions.append(there)
    bluesnap.charges["55667788"] = [
        Charge(None, str(number), there.amount, "USD", clock().date() - timedelta(days=30 * number), "RECURRING")
        for number in (1, 2)
    ]
    rows = adoption.read("account,subscription\nacct-b,55667788")
    assert [row.outcome for row in adoption.adopt(desk.tools, Origin("operator"), rows, apply=True)] == ["linked"]
    look(desk)
    assert [charge.kind for charge in desk.charges].count("recurring") == 2
    clock.advance(hours=2)
    assert examine() == set()


def test_stale_payments_of_the_day_suggest_a_wrong_zone(desk, bluesnap, bought, examine, clock):
    for number in range(3):
        body = charge_form(subscriptionId=bought.subscription_id, referenceNumber=str(7_500_000 + number))
        deliver(desk.tools, body, signed_at=clock() - timedelta(hours=8))
    assert ("notice_zone.suspect", None) in examine()


def test_what_waits_is_found(desk, bluesnap, bought, examine, clock):
    deliver(desk.tools, charge_form(subscriptionId="5", referenceNumber="7600001"))
    with desk.tools.engine.begin() as connection:
        tasks.open_task(connection, "sweep_doubt", Origin("worker"), reference="5")
    assert examine() == {("tasks.open", "sweep_doubt")}
    clock.advance(hours=2)
    assert ("notices.waiting", None) in examine()


def test_worker_that_does_not_work_is_found(desk, bluesnap, examine):
    bluesnap.script("create_subscription", Unknown("read_timed_out"))
    desk.complete(desk.open())
    desk.buy(account="acct-b")
    assert examine() == set()
    desk.age(minutes=20)
    with desk.tools.engine.begin() as connection:
        connection.execute(update(SUBSCRIPTIONS).values(look_at=func.clock_timestamp() - timedelta(minutes=20)))
    assert examine() == {("worker.signups_overdue", None), ("worker.looks_overdue", None)}


def test_silent_bluesnap_leaves_unchecked_what_only_it_knows(bluesnap, examine):
    bluesnap.script("get_notification_config", NotFound("not_found"))
    bluesnap.script("get_clock", Misconfigured("credentials_refused"))
    bluesnap.script("get_plan", Unknown("read_timed_out"))
    assert examine() == {("address.unread", None), ("clock.bluesnap_unread", None), ("plans.unread", "business")}


@pytest.mark.parametrize(("ahead", "found"), [(0, False), (-1, False), (7, True), (-7, True)])
def test_clock_of_bluesnap_is_compared_with_this_machine(tools, bluesnap, examine, ahead, found):
    bluesnap.clock = MACHINE.replace(microsecond=0) + timedelta(seconds=ahead)
    words = {one.word for one in doctor.examine(replace(tools, machine_clock=lambda: MACHINE))}
    assert ("clock.bluesnap" in words) is found
    assert "clock.database" in words  # which is years ahead of such a machine


def test_tombstones_that_only_the_archive_has_are_found(tools, bluesnap, bought, tmp_path):
    bluesnap.clock = machine().replace(microsecond=0)
    archive = Archive.open(str(tmp_path))
    archive.put_once(f"tombstones/{new_id('tb')}.json", b"{}")
    found = {one.word for one in doctor.examine(replace(tools, archive=archive))}
    assert "erasures.due" in found
    assert "erasures.due" not in {one.word for one in doctor.examine(tools)}


def test_worst_comes_first(tools, bluesnap):
    bluesnap.plans.clear()
    bluesnap.script("get_clock", Unknown("read_timed_out"))
    severities = [one.severity for one in doctor.examine(replace(tools, machine_clock=machine))]
    assert severities == sorted(severities, key=doctor.ORDER.index)
    assert len(set(severities)) > 1
