"""Subscriptions: creating, reading, listing, changing."""

from __future__ import annotations

from typing import Any

import pytest
from simulator_caller import BUSINESS, PAYER, TEAM, Caller, error_name, named_card, with_second_card


def test_a_subscription_charges_once_and_says_so(caller: Caller) -> None:
    caller.lever("clock", {"set": "2027-04-11T18:00:00Z"})
    answer = caller.subscribe(overrideRecurringChargeAmount="290.00")
    body = answer.json()
    assert answer.headers["Location"].endswith(f"/recurring/subscriptions/{body['subscriptionId']}")
    assert (body["status"], body["quantity"], body["currency"], body["autoRenew"]) == ("ACTIVE", 1, "USD", True)
    assert (body["recurringChargeAmount"], body["nextChargeDate"]) == (290, "2027-05-11")
    assert body["charge"]["amount"] == 290
    assert isinstance(body["charge"]["transactionId"], int)
    (charge,) = caller.ledger("charge")
    assert (charge["amount"], charge["id"]) == ("290.00", str(body["charge"]["transactionId"]))


def test_the_payment_source_is_an_object_with_a_numeric_year(caller: Caller) -> None:
    card = caller.subscribe().json()["paymentSource"]["creditCardInfo"]["creditCard"]
    assert (card["cardLastFourDigits"], card["expirationMonth"]) == ("9299", "02")
    assert isinstance(card["expirationYear"], int)


@pytest.mark.parametrize(
    ("sent", "answered"), [("29.50", "29.5"), (1234.56, "1234.56"), ("290", "290"), ("0.10", "0.1")]
)
def test_amounts_come_back_as_numbers_without_trailing_zeros(caller: Caller, sent: Any, answered: Any) -> None:
    answer = caller.subscribe(overrideRecurringChargeAmount=sent)
    assert f'"recurringChargeAmount": {answered},' in answer.text


def test_without_an_override_the_plans_price_counts(caller: Caller) -> None:
    assert caller.subscribe(planId=str(BUSINESS)).json()["charge"]["amount"] == 49


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"vaultedShopperId": 7}, "NO_VAULTED_SHOPPER_FOUND"),
        ({"overrideRecurringChargeAmount": "1.001"}, "AMOUNT_EXCEEDED_MAXIMUM_ALLOWED_FRACTION_DIGITS"),
        ({"overrideRecurringChargeAmount": "-1"}, "INVALID_RECURRING_CHARGE_AMOUNT"),
        ({"overrideRecurringChargeAmount": "0"}, "INVALID_RECURRING_CHARGE_AMOUNT"),
        ({"overrideRecurringChargeAmount": "NaN"}, "INVALID_RECURRING_CHARGE_AMOUNT"),
        ({"overrideRecurringChargeAmount": True}, "INVALID_RECURRING_CHARGE_AMOUNT"),
        ({"quantity": 0}, "NEGATIVE_QUANTITY"),
        ({"quantity": -1}, "NEGATIVE_QUANTITY"),
        ({"payerInfo": {}}, "MISSING_REQUIRED_FIELD"),
    ],
)
def test_a_bad_subscription_is_refused_and_charges_nothing(caller: Caller, fields: Any, name: Any) -> None:
    body = {"planId": TEAM} | ({} if "payerInfo" in fields else {"vaultedShopperId": caller.shopper()}) | fields
    assert error_name(caller.call("POST", "/recurring/subscriptions", json=body)) == name
    assert caller.ledger("charge") == []


def test_an_unknown_plan_is_a_403(caller: Caller) -> None:
    assert caller.subscribe(planId=7).status_code == 403


def test_a_shopper_without_a_card_cannot_subscribe(caller: Caller) -> None:
    shopper = caller.call("POST", "/vaulted-shoppers", json=PAYER).json()["vaultedShopperId"]
    (message,) = caller.subscribe(vaultedShopperId=shopper).json()["message"]
    assert (message["code"], "errorName" in message) == ("15009", False)


def test_of_several_cards_one_must_be_named(caller: Caller) -> None:
    shopper = with_second_card(caller)
    assert error_name(caller.subscribe(vaultedShopperId=shopper)) == "MULTIPLE_CARDS_FOUND_NONE_SELECTED"
    chosen = caller.subscribe(vaultedShopperId=shopper, paymentSource=named_card("MASTERCARD", "9903"))
    assert chosen.json()["paymentSource"]["creditCardInfo"]["creditCard"]["cardType"] == "MASTERCARD"


def test_payer_and_token_in_one_call_make_the_shopper_too(caller: Caller) -> None:
    source = {"creditCardInfo": {"pfToken": caller.token()}}
    answer = caller.subscribe(payerInfo=PAYER, paymentSource=source)
    assert answer.status_code == 200
    assert [entry["id"] for entry in caller.ledger("shopper")] == [str(answer.json()["vaultedShopperId"])]


def test_a_bad_card_may_be_refused_at_the_first_charge_instead(caller: Caller) -> None:
    caller.lever("behaviour", {"decline_at": "charge"})
    shopper = caller.shopper("insufficient_funds")
    assert error_name(caller.subscribe(vaultedShopperId=shopper)) == "INSUFFICIENT_FUNDS"
    assert caller.ledger("subscription") == []
    assert caller.ledger("charge") == []


def test_a_reference_of_3d_secure_counts_at_the_first_charge_too(caller: Caller) -> None:
    caller.lever("behaviour", {"decline_at": "charge"})
    shopper = caller.shopper("three_d_secure")
    assert error_name(caller.subscribe(vaultedShopperId=shopper)) == "THREE_D_SECURITY_AUTHENTICATION_REQUIRED"
    reference = {"threeDSecureReferenceId": "12345678"}
    assert caller.subscribe(vaultedShopperId=shopper, threeDSecure=reference).status_code == 200


def test_a_trial_begins_without_a_charge(caller: Caller) -> None:
    caller.lever("clock", {"set": "2027-04-11T18:00:00Z"})
    plan = {"name": "Trial", "chargeFrequency": "MONTHLY", "currency": "USD", "recurringChargeAmount": 20}
    plan_id = caller.call("POST", "/recurring/plans", json=plan | {"trialPeriodDays": 14}).json()["planId"]
    body = caller.subscribe(planId=plan_id).json()
    assert ("charge" in body, body["nextChargeDate"], body["trialPeriodDays"]) == (False, "2027-04-25", 14)
    caller.lever("clock", {"advance": "P14D"})
    assert caller.read(body["subscriptionId"])["nextChargeDate"] == "2027-05-25"
    assert [charge["amount"] for charge in caller.ledger("charge")] == ["20.00"]


def test_a_subscription_reads_as_it_was_created(caller: Caller) -> None:
    made = caller.subscribe().json()
    read = caller.read(made["subscriptionId"])
    assert made.items() >= read.items()


def test_subscriptions_are_listed_by_shopper_plan_and_status(caller: Caller) -> Any:
    shopper = caller.shopper()
    first, second = caller.subscription(vaultedShopperId=shopper), caller.subscription(vaultedShopperId=shopper)
    other = caller.subscription(planId=BUSINESS)
    caller.call("PUT", f"/recurring/subscriptions/{first}", json={"status": "CANCELED"})

    def listed(**query: Any) -> Any:
        answer = caller.call("GET", "/recurring/subscriptions", params={"fulldescription": "true", **query})
        return [body["subscriptionId"] for body in answer.json()["subscriptions"]]

    assert listed(shopperid=shopper) == [second, first]
    assert listed(shopperid=shopper, status="ACTIVE") == [second]
    assert listed(planid=BUSINESS) == [other]
    assert listed(shopperid=7) == []
    assert listed(shopperId=shopper) == [other, second, first], "names in another case are not known"


def test_a_list_goes_page_by_page_newest_first(caller: Caller) -> None:
    shopper = caller.shopper()
    made = [caller.subscription(vaultedShopperId=shopper) for _ in range(5)]
    seen: list[int] = []
    after: dict[str, int] = {}
    for last in (False, False, True):
        page = caller.call(
            "GET", "/recurring/subscriptions", params={"pagesize": 2, "gettotal": "true", **after}
        ).json()
        seen += [body["subscriptionId"] for body in page["subscriptions"]]
        after = {"after": seen[-1]}
        assert (page["lastPage"], page["totalResults"]) == (last, 5)
    assert seen == made[::-1]
    back = caller.call("GET", "/recurring/subscriptions", params={"before": made[2], "pagesize": 1}).json()
    assert [body["subscriptionId"] for body in back["subscriptions"]] == [made[3]]


def test_a_short_list_holds_little_more_than_ids(caller: Caller) -> None:
    caller.subscription()
    (body,) = caller.call("GET", "/recurring/subscriptions").json()["subscriptions"]
    assert set(body) == {"subscriptionId", "planId", "vaultedShopperId", "status"}


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("pagesize=-1", "NEGATIVE_PAGE_SIZE"),
        ("pagesize=x", "NEGATIVE_PAGE_SIZE"),
        ("pagesize=501", "MAX_PAGE_SIZE_EXCEEDED"),
        ("after=1&before=2", "INVALID_PAGINATION_PARAMETERS"),
    ],
)
def test_bad_paging_is_refused_by_name(caller: Caller, query: Any, name: Any) -> None:
    assert error_name(caller.call("GET", f"/recurring/subscriptions?{query}")) == name
