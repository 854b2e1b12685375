"""Charges and refunds over HTTP: what the platform reads of them, what it is answered, and that the same key gives back once."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import update

from service.errors import NeverSent, Rejected, Unknown
from service.store import changes
from service.store.journal import Act, Origin
from service.store.models import CHARGES, Charge, Dispute
from tests.support.databases import by_stealth
from tests.support.web import new_key, problem, told

TEN = {"amount": "10.00", "currency": "USD"}
WHOLE = {"amount": "290.00", "currency": "USD"}
NOTHING = {"amount": "0.00", "currency": "USD"}
NOBODYS = "ch_" + "b" * 30


def charges(web, account="acct-a", query="", auth=None):
    return web.call("GET", f"/v1/accounts/{account}/charges{query}", auth=auth or web.key)


def refund(web, charge_id, *, key=None, auth=None, **body):
    given = {"reason": "requested_by_customer", **body}
    return web.post(f"/v1/charges/{charge_id}/refunds", given, auth=auth or web.key, key=key)


@pytest.fixture
def charge(web):
    """The first charge of an account, as the platform reads it."""
    web.complete(web.open())
    return charges(web).json["charges"][0]


def dispute(web, charge, status):
    now = datetime(2031, 3, 10, tzinfo=UTC)
    told_of = Dispute(
        id="dp_" + "b" * 30, reference="7300001", charge_reference=charge["reference"],
        subscription_id=charge["subscription"], account="acct-a", status=status, amount=Decimal("90.00"), currency="USD",
        stopped_renewal=False, told_at=now, created_at=now,
    )  # fmt: skip
    with web.tools.engine.begin() as connection:
        changes.add(connection, told_of, Act.DISPUTE_OPENED, Origin("bluesnap"))


def test_charge_is_shown_with_what_may_be_given_back(web, charge):
    assert set(charge) == {
        "id", "subscription", "reference", "amount", "refunded", "refundable", "disputed", "kind", "charged_on",
        "recorded_at", "refunds",
    }  # fmt: skip
    assert (charge["amount"], charge["refunded"], charge["refundable"]) == (WHOLE, NOTHING, WHOLE)
    assert (charge["disputed"], charge["refunds"]) == (False, [])
    assert charge["subscription"] == web.account().json["subscription"]["id"]


def test_account_without_charges_has_an_empty_page(web):
    assert charges(web, "acct-unseen").json == {"charges": [], "next": None}


def test_refund_is_answered_and_shown_with_its_charge(web, charge):
    answer = refund(web, charge["id"], amount=TEN)
    assert answer.status_code == 201
    made = answer.json
    assert set(made) == {"id", "charge", "amount", "status", "reason", "cancel_subscription", "created_at"}
    assert (made["charge"], made["amount"], made["status"]) == (charge["id"], TEN, "succeeded")
    assert (made["reason"], made["cancel_subscription"]) == ("requested_by_customer", False)
    [after] = charges(web).json["charges"]
    assert after["refunds"] == [made]
    assert (after["refunded"], after["refundable"]) == (TEN, {"amount": "280.00", "currency": "USD"})


def test_without_an_amount_all_that_is_left_is_given_back(web, charge):
    refund(web, charge["id"], amount=TEN)
    assert refund(web, charge["id"]).json["amount"] == {"amount": "280.00", "currency": "USD"}
    [after] = charges(web).json["charges"]
    assert (after["refunded"], after["refundable"]) == (WHOLE, NOTHING)
    problem(refund(web, charge["id"]), 409, "refund_above_remainder")


def test_pending_refund_is_201_and_counts(web, charge):
    web.bluesnap.refund_status = "PENDING"
    answer = refund(web, charge["id"], amount=TEN)
    assert (answer.status_code, answer.json["status"]) == (201, "pending")
    assert charges(web).json["charges"][0]["refunded"] == TEN


def test_unknown_outcome_is_202_and_then_what_became_of_it(web, charge):
    key = new_key()
    web.bluesnap.script("refund", Unknown("read_timed_out"), happens=True)
    answer = refund(web, charge["id"], key=key, amount=TEN)
    assert (answer.status_code, answer.json["status"]) == (202, "unknown")
    [meanwhile] = charges(web).json["charges"]
    assert (meanwhile["refunded"], meanwhile["refundable"]["amount"]) == (NOTHING, "280.00")
    again = refund(web, charge["id"], key=key, amount=TEN)
    assert (again.status_code, again.json) == (202, answer.json)
    settle(web)
    after = refund(web, charge["id"], key=key, amount=TEN)
    assert (after.status_code, after.json["id"], after.json["status"]) == (201, answer.json["id"], "succeeded")
    assert len(web.bluesnap.made("refund")) == 1


def settle(web):
    """What the worker does once the quiet period is over."""
    from service.billing.money import refunds

    for _ in range(2):
        with web.tools.engine.begin() as connection:
            connection.exec_driver_sql(
                "UPDATE refunds SET lease_until = clock_timestamp() WHERE lease_until IS NOT NULL"
            )
        refunds.settle_due(web.tools)


def test_same_key_gives_back_once_and_is_answered_alike(web, charge):
    key = new_key()
    first = refund(web, charge["id"], key=key, amount=TEN)
    again = refund(web, charge["id"], key=key, amount=TEN)
    assert (again.status_code, again.json) == (201, first.json)
    assert len(web.bluesnap.made("refund")) == 1
    problem(refund(web, charge["id"], key=key, amount=WHOLE), 422, "idempotency_key_reused")


def test_same_key_of_another_platform_is_another_order(web, charge):
    key, other = new_key(), web.new_key("refunds:write")[1]
    web.bluesnap.script("refund", Unknown("read_timed_out"), times=2)
    first = refund(web, charge["id"], key=key, amount=TEN)
    second = refund(web, charge["id"], key=key, auth=other, amount=TEN)
    assert first.json["id"] != second.json["id"]


def test_busy_bluesnap_is_not_the_end_of_a_key(web, charge):
    key = new_key()
    web.bluesnap.script("refund", NeverSent("connection_refused"))
    problem(refund(web, charge["id"], key=key, amount=TEN), 503, "bluesnap_unreachable")
    assert refund(web, charge["id"], key=key, amount=TEN).status_code == 201
    assert web.bluesnap.given(charge["reference"]) == [Decimal("10.00")]


def test_subscription_ends_with_a_refund_only_when_asked(web, charge):
    refund(web, charge["id"], amount=TEN)
    answer = refund(web, charge["id"], amount=TEN, cancel_subscription=True)
    assert answer.json["cancel_subscription"] is True
    assert [asked["cancel_subscriptions"] for asked in web.bluesnap.made("refund")] == [False, True]


def test_disputed_charge_says_so_and_is_not_refunded(web, charge):
    dispute(web, charge, "open")
    [shown] = charges(web).json["charges"]
    assert (shown["disputed"], shown["refundable"]) == (True, NOTHING)
    problem(refund(web, charge["id"], amount=TEN), 409, "charge_disputed")
    assert web.bluesnap.made("refund") == []


def test_lost_dispute_leaves_the_rest_to_be_refunded(web, charge):
    dispute(web, charge, "lost")
    [shown] = charges(web).json["charges"]
    assert (shown["disputed"], shown["refunded"], shown["refundable"]["amount"]) == (False, NOTHING, "200.00")


@pytest.mark.parametrize(
    ("amount", "code", "pointer"),
    [
        ({"amount": "10", "currency": "USD"}, "amount_malformed", "/amount/amount"),
        ({"amount": "10.0", "currency": "USD"}, "amount_malformed", "/amount/amount"),
        ({"amount": "10.000", "currency": "USD"}, "amount_malformed", "/amount/amount"),
        ({"amount": "0.00", "currency": "USD"}, "amount_malformed", "/amount/amount"),
        ({"amount": "-10.00", "currency": "USD"}, "amount_malformed", "/amount/amount"),
        ({"amount": "+10.00", "currency": "USD"}, "amount_malformed", "/amount/amount"),
        ({"amount": "1e1", "currency": "USD"}, "amount_malformed", "/amount/amount"),
        ({"amount": "010.00", "currency": "USD"}, "amount_malformed", "/amount/amount"),
        ({"amount": "1,000.00", "currency": "USD"}, "amount_malformed", "/amount/amount"),
        ({"amount": " 10.00", "currency": "USD"}, "amount_malformed", "/amount/amount"),
        ({"amount": "\u0967\u0966.\u0966\u0966", "currency": "USD"}, "amount_malformed", "/amount/amount"),
        ({"amount": "NaN", "currency": "USD"}, "amount_malformed", "/amount/amount"),
        ({"amount": "9999999999.00", "currency": "USD"}, "amount_malformed", "/amount/amount"),
        ({"amount": "123456789012", "currency": "USD"}, "amount_malformed", "/amount/amount"),
        ({"amount": 10, "currency": "USD"}, "amount_malformed", "/amount/amount"),
        ({"amount": 10.0, "currency": "USD"}, "amount_malformed", "/amount/amount"),
        ({"amount": "10.00", "currency": "usd"}, "currency_wrong", "/amount/currency"),
        ({"amount": "10.00", "currency": "EUR"}, "currency_wrong", "/amount/currency"),
        ({"amount": "10", "currency": "XTS"}, "currency_wrong", "/amount/currency"),
        ({"amount": "10", "currency": "JPY"}, "currency_wrong", "/amount/currency"),
        ({"amount": "10.00"}, "field_missing", "/amount/currency"),
        ({"currency": "USD"}, "field_missing", "/amount/amount"),
        ({"amount": "10.00", "currency": "USD", "cents": 1}, "field_unknown", "/amount"),
        ("10.00", "field_malformed", "/amount"),
        (None, "field_malformed", "/amount"),
    ],
)
def test_money_has_one_exact_form(web, charge, amount, code, pointer):
    answer = refund(web, charge["id"], amount=amount)
    body = problem(answer, 422, code)
    assert [error["pointer"] for error in body["errors"]] == [pointer]
    assert "12345678" not in told(answer)
    assert web.bluesnap.made("refund") == []


@pytest.mark.parametrize("reason", [None, "", "because", "123456789012", 7, ["duplicate"]])
def test_reason_is_one_of_a_list(web, charge, reason):
    answer = refund(web, charge["id"], reason=reason)
    problem(answer, 422, "field_malformed")
    assert "12345678" not in told(answer)


@pytest.mark.parametrize("flag", ["true", 1, 0, "false", None, "yes"])
def test_end_of_the_subscription_is_asked_for_with_a_boolean(web, charge, flag):
    problem(refund(web, charge["id"], cancel_subscription=flag), 422, "field_malformed")
    assert web.bluesnap.made("refund") == []


def test_key_of_a_wrong_order_may_be_used_for_the_right_one(web, charge):
    key = new_key()
    problem(refund(web, charge["id"], key=key, amount=TEN | {"currency": "EUR"}), 422, "currency_wrong")
    assert refund(web, charge["id"], key=key, amount=TEN).status_code == 201


@pytest.mark.parametrize("charge_id", [NOBODYS, "ch_1", "1234567890123", "sub_" + "b" * 30])
def test_charge_that_is_not_there_is_not_found(web, charge, charge_id):
    problem(refund(web, charge_id, amount=TEN), 404, "charge_not_found")


def test_refusal_by_bluesnap_leaves_the_whole_refundable(web, charge):
    web.bluesnap.script("refund", Rejected("not_refundable", status=400))
    problem(refund(web, charge["id"]), 409, "refund_refused")
    [after] = charges(web).json["charges"]
    assert (after["refundable"], [one["status"] for one in after["refunds"]]) == (WHOLE, ["failed"])


def test_portal_refund_is_shown_without_a_reason(web, charge):
    web.bluesnap.give_back(charge["reference"], "200.00")
    problem(refund(web, charge["id"]), 409, "refund_above_remainder")
    [_, found] = charges(web).json["charges"][0]["refunds"]
    assert (found["reason"], found["status"], found["amount"]["amount"]) == (None, "succeeded", "200.00")


@pytest.fixture
def many(web, charge):
    """Five charges of one account; their ids, the one heard of first first."""
    with by_stealth(web.tools.engine) as connection:
        for number in range(4):
            more = Charge(
                id="ch_" + "z" * 29 + "bcdf"[number], subscription_id=charge["subscription"], reference=f"740000{number}",
                amount=Decimal("290.00"), currency="USD", source="look", charged_on=None, kind="recurring",
                recorded_at=datetime(2031, 4, 10, tzinfo=UTC),
            )  # fmt: skip
            connection.execute(CHARGES.insert().values(**vars(more)))
    return [charge["id"], *("ch_" + "z" * 29 + letter for letter in "bcdf")]


def test_pages_show_every_charge_once_and_in_order(web, many):
    seen, query = [], "?limit=2"
    while query:
        page = charges(web, query=query).json
        assert len(page["charges"]) <= 2
        seen += [one["id"] for one in page["charges"]]
        query = f"?limit=2&after={page['next']}" if page["next"] else ""
    assert seen == many


def test_page_that_is_just_full_is_the_last(web, many):
    assert charges(web, query="?limit=5").json["next"] is None
    assert charges(web, query="?limit=4").json["next"] == many[3]
    assert charges(web, query=f"?after={many[4]}").json == {"charges": [], "next": None}


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("?after=", 422, "cursor_malformed"),
        ("?after=1", 422, "cursor_malformed"),
        (f"?after=rf_{'b' * 30}", 422, "cursor_malformed"),
        ("?after=123456789012", 422, "cursor_malformed"),
        ("?limit=0", 422, "field_malformed"),
        ("?limit=101", 422, "field_malformed"),
        ("?limit=ten", 422, "field_malformed"),
        ("?before=1", 422, "field_unknown"),
        ("?limit=1&limit=2", 400, "duplicate_key"),
    ],
)
def test_query_is_checked_like_a_body(web, query, status, code):
    answer = charges(web, query=query)
    problem(answer, status, code)
    assert "12345678" not in told(answer)


def test_charges_of_another_account_are_not_shown(web, charge):
    assert charges(web, "acct-b").json["charges"] == []


def test_account_alphabet_holds_here_too(web):
    problem(charges(web, "1234567890123"), 422, "account_malformed")


def test_each_side_of_the_money_has_its_own_scope(web, charge):
    reader, giver = web.new_key("accounts:read")[1], web.new_key("refunds:write")[1]
    problem(refund(web, charge["id"], auth=reader), 403, "scope_missing")
    problem(charges(web, auth=giver), 403, "scope_missing")
    assert charges(web, auth=reader).status_code == 200
    assert refund(web, charge["id"], auth=giver).status_code == 201


def test_charge_in_a_currency_that_we_do_not_sell_in_is_still_shown(web, charge):
    with by_stealth(web.tools.engine) as connection:
        connection.execute(update(CHARGES).values(currency="CHF"))
    assert charges(web).json["charges"][0]["amount"] == {"amount": "290.00", "currency": "CHF"}
