"""What was sold twice: told at once, shown before anything is done, then one is kept and the other is cancelled and given back, once, whatever breaks off."""

from __future__ import annotations

import uuid
from decimal import Decimal

import pytest
from sqlalchemy import func, update

from service.billing.buying import resolving
from service.billing.buying.resolving import Resolution
from service.billing.buying.surplus import Payment, Surplus
from service.billing.life import looks
from service.billing.money import refunds
from service.billing.repair import adoption
from service.billing.repair import sweep as sweeping
from service.errors import BlueSnapError, Misconfigured, NotFound, Rejected, Unknown
from service.store.journal import Origin
from service.store.models import ENTRIES, REFUNDS, SUBSCRIPTIONS, TASKS
from tests.support.databases import by_stealth
from tests.support.metrics import reading
from tests.support.outcomes import LOST
from tests.support.snapshots import row_versions

PERSON = Origin("operator")
PRICE = Decimal("290.00")
ALARM = "panless_second_subscriptions_total"


class Twice:
    """An account for which BlueSnap made two subscriptions: `kept` is the one to keep, `other` the one too many."""

    def __init__(self, desk, bluesnap, kept):
        self.desk, self.bluesnap, self.kept = desk, bluesnap, kept
        self.other = sell_again(bluesnap)
        self.payment = bluesnap.charges[self.other][0].transaction_id

    def resolve(self, *, apply=True, kept=None):
        return resolving.keep(self.desk.tools, self.desk.signups[0].id, kept or self.kept, PERSON, apply=apply)

    @property
    def given(self):
        return self.bluesnap.given(self.payment)

    @property
    def tasks(self):
        return [(row.kind, row.reference, row.state) for row in self.desk.rows(TASKS)]

    @property
    def live(self):
        return [one.subscription_id for one in self.bluesnap.subscriptions if one.status == "ACTIVE"]

    def wait(self):
        """Until every lease and every quiet period is over."""
        with self.desk.tools.engine.begin() as connection:
            now = func.clock_timestamp()
            connection.execute(update(REFUNDS).where(REFUNDS.c.lease_until.is_not(None)).values(lease_until=now))
            connection.execute(update(SUBSCRIPTIONS).values(look_at=now, pending_until=now))


def sell_again(bluesnap):
    """BlueSnap makes the first one anew, and charges for it."""
    first = bluesnap.subscriptions[0]
    made = bluesnap.create_subscription(
        plan_id=first.plan_id, shopper_id=first.shopper_id, amount=first.amount, idempotency_key=str(uuid.uuid4())
    )
    return made.subscription_id


@pytest.fixture
def stuck(desk, bluesnap):
    """The answer was lost, and there are two when the worker looks."""
    bluesnap.script("create_subscription", LOST, happens=True)
    desk.complete(desk.open())
    twice = Twice(desk, bluesnap, bluesnap.subscriptions[0].subscription_id)
    desk.settle()
    assert desk.states == ["stuck"]
    return twice


@pytest.fixture
def late(desk, bluesnap):
    """All was well; long after that another call was carried out at BlueSnap."""
    desk.buy()
    return Twice(desk, bluesnap, desk.subscriptions[0].provider_subscription)


@pytest.fixture(params=["stuck", "late"])
def twice(request):
    return request.getfixturevalue(request.param)


def sweep(desk):
    return sweeping.sweep(desk.tools, apply=True, most=None, origin=Origin("worker"))


def undone(twice, outcome="given_back", cancellation="canceled"):
    return Surplus(twice.other, cancellation, (Payment(twice.payment, PRICE, "USD", outcome),))


# it is told


def test_two_candidates_are_an_incident_with_a_task_for_each(desk, bluesnap, logged):
    before = reading(ALARM, found_by="settle")
    bluesnap.script("create_subscription", LOST, happens=True)
    desk.complete(desk.open())
    other = sell_again(bluesnap)
    desk.settle()
    rows = desk.rows(TASKS)
    assert {(row.kind, row.subject, row.reference, row.amount) for row in rows} == {
        ("second_subscription", desk.signups[0].id, one, PRICE)
        for one in (bluesnap.subscriptions[0].subscription_id, other)
    }
    assert reading(ALARM, found_by="settle") == before + 2
    assert logged().count('"event": "incident.second_subscription"') == 2
    assert '"reason": "settle"' in logged()


def test_second_candidate_that_is_over_is_no_incident(desk, bluesnap):
    bluesnap.script("create_subscription", LOST, happens=True)
    desk.complete(desk.open())
    bluesnap.change(sell_again(bluesnap), status="CANCELED")
    desk.settle()
    assert (desk.states, desk.rows(TASKS)) == (["stuck"], [])


def test_late_execution_is_an_incident_once_it_is_swept(desk, late, logged):
    before = reading(ALARM, found_by="sweep")
    report = sweep(desk)
    assert [(row.reference, row.difference, row.signup) for row in report.rows] == [
        (late.other, "second", desk.signups[0].id)
    ]
    assert late.tasks == [("second_subscription", late.other, "open")]
    assert '"event": "incident.second_subscription"' in logged()
    versions = row_versions(desk.tools.engine)
    assert sweep(desk).differing == 0
    assert reading(ALARM, found_by="sweep") == before + 1
    assert row_versions(desk.tools.engine) == versions


def test_second_one_of_a_stuck_signup_that_lands_after_the_first_is_an_incident(desk, bluesnap):
    bluesnap.script("create_subscription", LOST, happens=True)
    desk.complete(desk.open())
    first = bluesnap.subscriptions.pop()
    desk.age(hours=25)
    desk.settle()
    assert desk.states == ["stuck"]
    bluesnap.subscriptions.append(first)
    sweep(desk)
    other = sell_again(bluesnap)
    sweep(desk)
    assert [(row.kind, row.reference) for row in desk.rows(TASKS)] == [
        ("unknown_subscription", first.subscription_id),
        ("second_subscription", other),
    ]


def test_late_execution_of_a_declined_attempt_is_an_incident_too(desk, bluesnap):
    session_id = desk.open()
    bluesnap.script("create_subscription", Misconfigured("account_setup"))
    with pytest.raises(Exception, match="bluesnap_misconfigured"):
        desk.complete(session_id)
    assert desk.states == ["released"]
    bluesnap.create_subscription(
        plan_id="2340001", shopper_id=desk.signups[0].provider_shopper, amount=PRICE, idempotency_key=str(uuid.uuid4())
    )
    sweep(desk)
    assert [row.kind for row in desk.rows(TASKS)] == ["second_subscription"]


# it is undone


def test_plan_is_shown_and_nothing_done_without_apply(desk, bluesnap, twice):
    before, calls = desk.acts, len(bluesnap.calls)
    told = twice.resolve(apply=False)
    shown = Surplus(twice.other, "to_cancel", (Payment(twice.payment, PRICE, "USD", "to_give_back"),))
    assert told == resolving.Resolved(Resolution.OTHERS_LIVE, live=(twice.other,), others=(shown,))
    assert desk.acts == before
    assert {call.name for call in bluesnap.calls[calls:]} <= {
        "list_subscriptions", "get_subscription", "list_charges"
    }  # fmt: skip


def test_one_is_kept_and_the_other_cancelled_and_given_back(desk, bluesnap, twice):
    sweep(desk)
    told = twice.resolve()
    assert told == resolving.Resolved(Resolution.KEPT, others=(undone(twice),))
    assert (twice.live, twice.given) == ([twice.kept], [PRICE])
    assert (desk.states, desk.access().reason) == (["active"], "paid")
    assert {state for _, _, state in twice.tasks} == {"done"}
    (order,) = bluesnap.made("refund")
    assert (order["cancel_subscriptions"], order["amount"]) == (False, PRICE)
    assert order["refund_reference"] == desk.rows(REFUNDS)[0].id


def test_books_hold_what_was_sold_and_given_back(desk, twice):
    twice.resolve()
    assert {(row.provider_subscription, row.status) for row in desk.subscriptions} == {
        (twice.kept, "active"),
        (twice.other, "surplus"),
    }
    assert twice.payment in {row.reference for row in desk.charges}
    assert [(row.amount, row.status, row.source, row.reason) for row in desk.rows(REFUNDS)] == [
        (PRICE, "succeeded", "operator", "duplicate")
    ]
    assert sweep(desk).outcome in {"clean", "repaired"}
    assert sweep(desk).outcome == "clean"


def test_intent_is_committed_before_every_call_that_changes_anything(desk, bluesnap, twice):
    seen = []
    bluesnap.script("update_subscription", meanwhile=lambda: seen.append([*desk.acts]))
    bluesnap.script("refund", meanwhile=lambda: seen.append([*desk.acts]))
    twice.resolve()
    canceling, refunding = seen
    assert {"subscription.surplus", "subscription.change_requested"} <= set(canceling)
    assert canceling[-1] == "subscription.change_requested"
    assert refunding[-1] == "refund.requested"
    actors = {row.actor for row in desk.rows(ENTRIES) if row.act in {"subscription.surplus", "refund.requested"}}
    assert actors == {"operator"}


def test_repeated_command_moves_no_money_again(desk, bluesnap, twice):
    twice.resolve()
    before = desk.acts
    assert twice.resolve() == resolving.Resolved(Resolution.KEPT, others=(undone(twice),))
    assert twice.resolve(apply=False).resolution is Resolution.KEPT
    assert (twice.given, desk.acts) == ([PRICE], before)
    assert (len(bluesnap.made("refund")), len(bluesnap.made("update_subscription"))) == (1, 1)


def test_lost_answer_to_the_cancellation_is_settled_by_the_next_run(desk, bluesnap, twice):
    bluesnap.script("update_subscription", LOST, happens=True)
    told = twice.resolve()
    assert (told.resolution, told.others) == (Resolution.UNDER_WAY, (undone(twice, cancellation="unknown"),))
    assert twice.resolve() == resolving.Resolved(Resolution.KEPT, others=(undone(twice),))
    assert len(bluesnap.made("update_subscription")) == 1
    assert twice.given == [PRICE]


def test_cancellation_that_did_not_happen_is_ordered_again(desk, bluesnap, twice):
    bluesnap.script("update_subscription", LOST)
    assert twice.resolve().resolution is Resolution.UNDER_WAY
    assert twice.other in twice.live
    assert twice.resolve().resolution is Resolution.KEPT
    assert (twice.live, twice.given) == ([twice.kept], [PRICE])


def test_look_that_settles_a_lost_cancellation_leaves_the_rest_to_the_command(desk, bluesnap, twice):
    bluesnap.script("update_subscription", LOST)
    twice.resolve()
    twice.wait()
    looks.look_due(desk.tools)
    assert twice.resolve().resolution is Resolution.KEPT
    assert (twice.live, twice.given) == ([twice.kept], [PRICE])


@pytest.mark.parametrize("happens", [True, False])
def test_lost_answer_to_the_refund_is_never_a_second_refund(desk, bluesnap, twice, happens):
    bluesnap.script("refund", LOST, happens=happens)
    told = twice.resolve()
    assert (told.resolution, told.others) == (Resolution.UNDER_WAY, (undone(twice, "unknown"),))
    if not happens:
        assert twice.resolve().others == (undone(twice, "unknown"),)
    for _ in range(2):  # found, then asked how far it is
        twice.wait()
        refunds.settle_due(desk.tools)
    after = twice.resolve()
    assert after.others == (undone(twice, "given_back" if happens else "unknown"),)
    assert len(bluesnap.made("refund")) == 1
    assert twice.given == ([PRICE] if happens else [])


def test_pending_refund_is_done_as_far_as_we_are(desk, bluesnap, twice):
    bluesnap.refund_status = "PENDING"
    assert twice.resolve() == resolving.Resolved(Resolution.KEPT, others=(undone(twice, "pending"),))


def test_what_was_given_back_in_the_portal_is_not_given_again(desk, bluesnap, twice):
    bluesnap.give_back(twice.payment, PRICE)
    assert twice.resolve() == resolving.Resolved(Resolution.KEPT, others=(undone(twice),))
    assert (bluesnap.made("refund"), twice.given) == ([], [PRICE])


def test_rest_of_a_partly_refunded_payment_is_given_back(desk, bluesnap, twice):
    bluesnap.give_back(twice.payment, "90.00")
    assert twice.resolve().resolution is Resolution.KEPT
    assert twice.given == [Decimal("90.00"), Decimal("200.00")]


def test_every_payment_of_it_is_given_back(desk, bluesnap, twice):
    bluesnap.renew(twice.other, bluesnap.next_charge.replace(month=5))
    told = twice.resolve()
    assert [one.outcome for one in told.others[0].payments] == ["given_back", "given_back"]
    assert len(bluesnap.made("refund")) == 2


def test_refusal_of_a_refund_leaves_the_matter_open(desk, bluesnap, twice):
    sweep(desk)
    bluesnap.script("refund", Rejected("balance_too_low", status=400))
    told = twice.resolve()
    assert (told.resolution, told.others) == (Resolution.UNDER_WAY, (undone(twice, "refused"),))
    assert ("second_subscription", twice.other, "open") in twice.tasks
    assert twice.resolve().resolution is Resolution.KEPT
    assert twice.given == [PRICE]


def test_refusal_of_the_cancellation_gives_nothing_back_yet(desk, bluesnap, twice):
    bluesnap.script("update_subscription", Misconfigured("forbidden", status=403))
    told = twice.resolve()
    assert (told.resolution, told.others) == (Resolution.UNDER_WAY, (Surplus(twice.other, "refused"),))
    assert (twice.given, desk.access().reason) == ([], "paid")
    assert twice.resolve().resolution is Resolution.KEPT


@pytest.mark.parametrize("call", ["list_charges", "get_transaction"])
def test_what_cannot_be_read_is_done_by_the_next_run(desk, bluesnap, twice, call):
    bluesnap.script(call, Unknown("read_timed_out"))
    assert twice.resolve().resolution is Resolution.UNDER_WAY
    assert (twice.given, twice.live) == ([], [twice.kept])
    assert twice.resolve().resolution is Resolution.KEPT
    assert twice.given == [PRICE]


def test_disputed_payment_is_left_to_a_person(desk, bluesnap, twice):
    from service.bluesnap.payloads import ChargebackSeen

    bluesnap.chargebacks[twice.payment].append(ChargebackSeen("8800001", PRICE, "NEW"))
    told = twice.resolve()
    assert (told.resolution, told.others) == (Resolution.UNDER_WAY, (undone(twice, "disputed"),))
    assert twice.given == []


class DiedError(BaseException):
    """The process ended here."""


@pytest.mark.parametrize("call", ["update_subscription", "list_charges", "get_transaction", "refund"])
@pytest.mark.parametrize("happens", [True, False])
def test_command_that_died_goes_on_where_it_stopped(desk, bluesnap, twice, call, happens):
    bluesnap.script(call, DiedError(), happens=happens)
    with pytest.raises(DiedError):
        twice.resolve()
    for _ in range(2):  # the worker does its part of what was under way
        twice.wait()
        refunds.settle_due(desk.tools)
    if call == "refund" and not happens:
        assert twice.resolve().others == (undone(twice, "unknown"),)  # not proven: looked for, and never repeated
        assert len(bluesnap.made("refund")) == 1
    else:
        assert twice.resolve().resolution is Resolution.KEPT
        assert (twice.live, twice.given) == ([twice.kept], [PRICE])


def test_two_operators_at_once_give_back_once(desk, bluesnap, twice):
    bluesnap.script("refund", meanwhile=twice.resolve)
    twice.resolve()
    assert twice.given == [PRICE]
    assert twice.resolve().resolution is Resolution.KEPT


def test_one_that_an_account_has_by_now_is_left_alone(desk, bluesnap, late):
    """Somebody adopted it for another account after the list was read."""

    def adopt():
        desk.buy(account="acct-b")
        with by_stealth(desk.tools.engine) as connection:
            theirs = SUBSCRIPTIONS.c.account == "acct-b"
            connection.execute(update(SUBSCRIPTIONS).where(theirs).values(provider_subscription=late.other))

    bluesnap.script("get_subscription", meanwhile=adopt)
    told = late.resolve()
    assert told.others == (Surplus(late.other, "kept"),)
    assert (late.given, len(late.live)) == ([], 3)


def test_only_what_the_account_has_can_be_kept_of_a_settled_signup(desk, late):
    assert late.resolve(kept=late.other) == resolving.Resolved(Resolution.NOT_THE_ACCOUNTS, live=(late.kept,))
    assert late.given == []


def test_release_refuses_while_anything_is_live(desk, stuck):
    told = resolving.release(desk.tools, desk.signups[0].id, PERSON)
    assert (told.resolution, told.live) == (Resolution.OTHERS_LIVE, (stuck.kept, stuck.other))


def test_reading_that_fails_at_the_start_changes_nothing(desk, bluesnap, twice):
    before = desk.acts
    bluesnap.script("list_subscriptions", LOST)
    with pytest.raises(BlueSnapError):
        twice.resolve()
    assert desk.acts == before
    bluesnap.script("list_subscriptions", NotFound("not_found", status=403))  # shows nothing, which proves nothing
    assert twice.resolve().resolution in {Resolution.KEPT, Resolution.NOT_THE_SHOPPERS}
    assert twice.given == []


def test_other_things_of_a_shopper_who_was_there_before_us_are_left_alone(desk, bluesnap, late):
    bluesnap.change(late.other, plan_id="2349999")
    with by_stealth(desk.tools.engine) as connection:
        connection.exec_driver_sql("UPDATE signups SET session_id = NULL")  # as a reactivation of an adopted account is
    assert late.resolve() == resolving.Resolved(Resolution.KEPT)
    assert (late.given, late.other in late.live) == ([], True)
    sweep(desk)
    assert late.tasks == [("unknown_subscription", late.other, "open")]


def test_adopting_one_that_an_account_lacks_ends_the_incident(desk, bluesnap, late):
    """After a restore an account may lack what it bought since: then the second one is its only one."""
    bluesnap.change(late.kept, status="CANCELED")
    with by_stealth(desk.tools.engine) as connection:
        connection.execute(update(SUBSCRIPTIONS).values(status="ended", renews=False))
    sweep(desk)
    assert late.tasks == [("second_subscription", late.other, "open")]
    assert late.resolve().resolution is Resolution.NOT_THE_ACCOUNTS
    rows = adoption.read(f"account,subscription\nacct-a,{late.other}\n")
    (row,) = adoption.adopt(desk.tools, PERSON, rows, apply=True)
    assert (row.outcome, late.tasks) == ("linked", [("second_subscription", late.other, "done")])
    assert desk.access().reason == "paid"
