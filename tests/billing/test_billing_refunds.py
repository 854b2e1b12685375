"""Giving money back: reserved first, asked once, never more than is left, whatever befalls the call."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import event, select, update

from service.billing.lifecycle import MoveNotAllowedError
from service.billing.money import refunds
from service.billing.money.refund_records import REFUND_MOVES, move
from service.errors import (
    Code,
    Declined,
    DeclineReason,
    Misconfigured,
    NeverSent,
    NotFound,
    Refusal,
    Rejected,
    RetryLater,
    Unknown,
)
from service.store import changes
from service.store.journal import Act, Origin
from service.store.models import CHARGES, SUBSCRIPTIONS, Dispute
from service.store.models import Refund as RefundRow
from tests.support.metrics import reading
from tests.support.outcomes import refused
from tests.support.refunding import Refunding

WHOLE = Decimal("290.00")
LOST = Unknown("read_timed_out")


@pytest.fixture
def money(desk, bluesnap):
    """A charge of 290.00 USD that may be refunded."""
    return Refunding(desk, bluesnap)


@pytest.fixture
def dispute(desk, money):
    """Puts the charge under a dispute of this status."""

    def open_one(status, amount="90.00"):
        now = datetime(2031, 3, 10, tzinfo=UTC)
        charge, [subscription] = desk.charges[0], desk.subscriptions
        told = Dispute(
            id="dp_" + "b" * 30, reference="7300001", charge_reference=charge.reference, subscription_id=subscription.id,
            account=subscription.account, status=status, amount=Decimal(amount), currency="USD", told_at=now, created_at=now,
            stopped_renewal=False,
        )  # fmt: skip
        with desk.tools.engine.begin() as connection:
            changes.add(connection, told, Act.DISPUTE_OPENED, Origin("bluesnap"))

    return open_one


def test_part_is_given_back_and_counts_against_the_remainder(money, desk, bluesnap):
    before = reading("panless_refunds_total", outcome="succeeded")
    given = money.order("10.00")
    assert (given.status, given.amount, given.source) == ("succeeded", Decimal("10.00"), "api")
    assert money.left == Decimal("280.00")
    [asked] = bluesnap.made("refund")
    assert asked == {
        "transaction_id": money.reference,
        "amount": Decimal("10.00"),
        "reason_word": "requested_by_customer",
        "cancel_subscriptions": False,
        "refund_reference": given.id,
        "idempotency_key": str(money.rows[0].key),
    }
    assert desk.acts[-2:] == ["refund.requested", "refund.succeeded"]
    assert reading("panless_refunds_total", outcome="succeeded") == before + 1


def test_without_an_amount_all_that_is_left_is_given_back(money, bluesnap):
    money.order("10.00")
    assert money.order(None).amount == Decimal("280.00")
    assert (money.given, money.left) == ([Decimal("10.00"), Decimal("280.00")], 0)
    assert refused(money.order, None).code is Code.REFUND_ABOVE_REMAINDER
    assert len(bluesnap.made("refund")) == 2


def test_repeated_parts_never_exceed_what_was_paid(money, bluesnap):
    for _ in range(3):
        money.order("90.00")
    assert refused(money.order, "20.01").code is Code.REFUND_ABOVE_REMAINDER
    assert money.order("20.00").status == "succeeded"
    assert sum(money.given) == WHOLE
    assert len(bluesnap.made("refund")) == 4


@pytest.mark.parametrize("amount", ["0", "0.00", "-1.00", "0.001", "10.005"])
def test_amount_that_is_no_amount_of_the_currency_is_refused(money, bluesnap, amount):
    told = refused(money.order, amount)
    assert (told.code, [error.pointer for error in told.errors]) == (Code.AMOUNT_MALFORMED, ["/amount/amount"])
    assert (money.rows, bluesnap.made("refund")) == ([], [])


def test_smallest_unit_can_be_given_back(money):
    assert money.order("0.01").amount == Decimal("0.01")


def test_other_currency_is_refused_before_anything_is_asked(money, bluesnap):
    told = refused(money.order, "10.00", currency="EUR")
    assert (told.code, [error.pointer for error in told.errors]) == (Code.CURRENCY_WRONG, ["/amount/currency"])
    assert bluesnap.made("refund") == []
    assert money.order("10.00", currency="USD").status == "succeeded"


def test_unknown_charge_is_not_found(money):
    assert refused(money.order, charge_id="ch_" + "b" * 30).code is Code.CHARGE_NOT_FOUND


def test_disputed_charge_is_not_refunded(money, dispute, bluesnap):
    dispute("open")
    assert refused(money.order, "1.00").code is Code.CHARGE_DISPUTED
    assert bluesnap.made("refund") == []


def test_lost_dispute_counts_against_the_remainder(money, dispute):
    dispute("lost", "90.00")
    assert money.left == Decimal("200.00")
    assert refused(money.order, "200.01").code is Code.REFUND_ABOVE_REMAINDER
    assert money.order(None).amount == Decimal("200.00")


def test_won_dispute_leaves_the_whole_to_be_refunded(money, dispute):
    dispute("won")
    assert money.order(None).amount == WHOLE


@pytest.mark.parametrize("ends", [True, False])
def test_subscription_is_kept_unless_it_is_asked_to_end(money, desk, bluesnap, ends):
    with desk.tools.engine.begin() as connection:
        connection.execute(update(SUBSCRIPTIONS).values(look_at=None))
    money.order("10.00", cancel=ends)
    assert [asked["cancel_subscriptions"] for asked in bluesnap.made("refund")] == [ends]
    assert (desk.subscriptions[0].look_at is not None) == ends


def test_pending_refund_keeps_its_reservation(money, bluesnap):
    bluesnap.refund_status = "PENDING"
    assert money.order("290.00").status == "pending"
    assert money.left == 0
    assert refused(money.order, "0.01").code is Code.REFUND_ABOVE_REMAINDER


def test_silent_answer_is_asked_for_by_its_own_number(money, bluesnap):
    bluesnap.refund_status = None
    given = money.order("10.00")
    assert (given.status, given.provider_refund) == ("succeeded", bluesnap.made("get_transaction")[0]["transaction_id"])


def test_silent_answer_that_cannot_be_asked_for_is_pending(money, bluesnap):
    bluesnap.refund_status = None
    bluesnap.script("get_transaction", LOST)
    assert money.order("10.00").status == "pending"
    assert money.left == Decimal("280.00")
    money.settle()
    assert (money.statuses, len(money.given)) == (["succeeded"], 1)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NeverSent("connection_refused"), Code.BLUESNAP_UNREACHABLE),
        (RetryLater("throttled", status=429), Code.BLUESNAP_BUSY),
        (Misconfigured("credentials_refused", status=401), Code.BLUESNAP_MISCONFIGURED),
        (Rejected("not_refundable", status=400), Code.REFUND_REFUSED),
        (Rejected("balance_too_low", status=400), Code.REFUND_REFUSED),
        (Rejected("refund_running", status=400), Code.REFUND_REFUSED),
        (Rejected("invalid_request", status=400), Code.REFUND_REFUSED),
        (Rejected("already_refunded", status=400), Code.REFUND_ABOVE_REMAINDER),
        (Rejected("refund_amount", status=400), Code.REFUND_REFUSED),
        (Declined("declined", DeclineReason.REFUSED, hard=False), Code.REFUND_REFUSED),
        (NotFound("not_found", status=403), Code.REFUND_REFUSED),
    ],
    ids=lambda value: getattr(value, "cause", None),
)
def test_definite_no_releases_the_reservation(money, desk, bluesnap, error, code):
    bluesnap.script("refund", error)
    assert refused(money.order, "290.00").code is code
    assert (money.statuses, money.left) == (["failed"], WHOLE)
    assert desk.acts[-1] == "refund.failed"
    assert money.order("290.00").status == "succeeded"


def test_what_passes_says_when_to_come_again(money, bluesnap):
    for error in (NeverSent("connection_refused"), RetryLater("throttled"), Rejected("refund_running")):
        bluesnap.script("refund", error)
        assert refused(money.order).retry_after > 0


def test_refund_in_the_portal_that_spent_the_remainder_is_learned(money, bluesnap):
    bluesnap.give_back(money.reference, "200.00")
    assert money.left == WHOLE
    assert refused(money.order, "100.00").code is Code.REFUND_ABOVE_REMAINDER
    assert [(row.status, row.source) for row in money.rows] == [("failed", "api"), ("succeeded", "bluesnap")]
    assert money.left == Decimal("90.00")
    assert money.order(None).amount == Decimal("90.00")


@pytest.mark.parametrize("happens", [True, False], ids=["done", "not done"])
def test_lost_answer_is_unknown_and_keeps_its_reservation(money, bluesnap, happens):
    bluesnap.script("refund", LOST, happens=happens)
    given = money.order("290.00")
    assert (given.status, money.left) == ("unknown", 0)
    assert refused(money.order, "0.01").code is Code.REFUND_ABOVE_REMAINDER


def test_same_key_gives_back_once(money, bluesnap):
    key = uuid.uuid4()
    first = money.order("10.00", key=key)
    again = money.order("10.00", key=key)
    assert (again.id, again.status) == (first.id, "succeeded")
    assert len(bluesnap.made("refund")) == 1
    assert money.order("10.00", key=uuid.uuid4()).id != first.id


def test_same_key_answers_what_became_of_the_unknown(money, bluesnap):
    key = uuid.uuid4()
    bluesnap.script("refund", LOST, happens=True)
    assert money.order("10.00", key=key).status == "unknown"
    assert money.order("10.00", key=key).status == "unknown"
    money.settle()
    money.settle()
    assert money.order("10.00", key=key).status == "succeeded"
    assert money.given == [Decimal("10.00")]


def test_same_key_after_a_definite_no_is_a_new_attempt(money, bluesnap):
    key = uuid.uuid4()
    bluesnap.script("refund", RetryLater("throttled"), times=2)
    for _ in range(2):
        refused(money.order, "10.00", key=key)
    assert money.order("10.00", key=key).status == "succeeded"
    assert len({asked["idempotency_key"] for asked in bluesnap.made("refund")}) == 3
    assert money.given == [Decimal("10.00")]


def test_same_key_does_not_order_again_what_was_called_off(money, bluesnap):
    key = uuid.uuid4()
    bluesnap.refund_status = "PENDING"
    given = money.order("10.00", key=key)
    bluesnap.end_refund(given.provider_refund, "CANCELED")
    money.settle()
    assert money.statuses == ["failed"]
    assert refused(money.order, "10.00", key=key).code is Code.REFUND_REFUSED
    assert len(bluesnap.made("refund")) == 1


def test_of_two_refunds_of_the_whole_at_once_one_wins(money, bluesnap):
    under_way, told = threading.Event(), threading.Event()
    bluesnap.script("refund", meanwhile=lambda: (under_way.set(), told.wait(10)))
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(money.order, None)
        assert under_way.wait(10)
        assert refused(money.order, None).code is Code.REFUND_ABOVE_REMAINDER
        told.set()
        assert first.result().status == "succeeded"
    assert money.given == [WHOLE]


@pytest.fixture
def patient(engine):
    """Sessions that wait for a lock as long as it takes: on a busy machine two seconds are short."""

    def wait(connection):
        connection.exec_driver_sql("SET LOCAL lock_timeout = '60s'")

    event.listen(engine, "begin", wait)
    yield engine
    event.remove(engine, "begin", wait)


def waiting_for_locks(engine):
    with engine.connect() as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        return connection.exec_driver_sql(query).scalar_one()


def test_of_eight_at_the_same_moment_exactly_the_remainder_is_given(money, bluesnap, patient):
    """Whoever asks first makes all others wait for the charge's row, and each counts what those before have taken."""

    def order():
        try:
            return money.order("60.00").status
        except Refusal as told:
            return told.code

    with ThreadPoolExecutor(8) as pool:
        with patient.begin() as connection:
            connection.execute(select(CHARGES.c.id).with_for_update())
            orders = [pool.submit(order) for _ in range(8)]
            while waiting_for_locks(patient) < 8 and not any(one.done() for one in orders):
                threading.Event().wait(0.01)
        ends = [one.result() for one in orders]
    assert (ends.count("succeeded"), ends.count(Code.REFUND_ABOVE_REMAINDER)) == (4, 4)
    assert (money.given, money.left) == ([Decimal("60.00")] * 4, Decimal("50.00"))
    assert len(bluesnap.made("refund")) == 4, "the others were refused before BlueSnap was asked"


def test_process_that_dies_in_the_call_leaves_a_reservation_for_the_worker(money, bluesnap):
    bluesnap.script("refund", KeyboardInterrupt(), happens=True)
    with pytest.raises(KeyboardInterrupt):
        money.order("290.00")
    assert refunds.settle_due(money.desk.tools) == 0, "its lease has not ended"
    assert (money.statuses, money.left) == (["requested"], 0)
    money.settle()
    assert money.statuses == ["unknown"]


def test_look_that_sees_it_before_the_answer_comes_is_believed(money, desk, bluesnap):
    bluesnap.script("refund", afterwards=money.follow)
    given = money.order("10.00")
    assert (given.status, desk.acts[-2:]) == ("pending", ["refund.requested", "refund.pending"])
    money.settle()
    assert (money.statuses, money.given) == (["succeeded"], [Decimal("10.00")])


def test_number_that_another_refund_has_is_not_taken_twice(money, bluesnap):
    first = money.order("10.00")
    bluesnap.script("refund", change=lambda answer: type(answer)(first.provider_refund, "SUCCESS"))
    second = money.order("20.00")
    assert (second.status, second.provider_refund) == ("succeeded", None)
    assert money.left == Decimal("260.00")


def test_operator_is_named_as_the_source(money, desk):
    wanted = refunds.Order(Decimal("1.00"), "other", cancel_subscription=False)
    assert refunds.order(desk.tools, Origin("operator"), money.charge_id, wanted).source == "operator"


def test_what_the_table_of_moves_has_not_cannot_happen(money, desk):
    money.order("10.00")
    row = RefundRow(**money.rows[0]._mapping)
    with desk.tools.engine.begin() as connection, pytest.raises(MoveNotAllowedError):
        move(connection, row, "failed", Origin("worker"))
    assert {before for before, _ in REFUND_MOVES} == {"requested", "unknown", "pending", "failed"}


def test_keys_and_leases_are_in_no_entry(money, desk):
    money.order("10.00")
    with desk.tools.engine.connect() as connection:
        told = connection.exec_driver_sql("SELECT image::text FROM entries WHERE act = 'refund.succeeded'").scalar_one()
    assert str(money.rows[0].key) not in told
    assert "lease_until" not in told
