"""Reasons, disputes and links in notices: words and ids, never text."""

from __future__ import annotations

from decimal import Decimal
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.bluesnap.notices import DISPUTE_STATUSES, Notice, read_notice
from service.bluesnap.reasons import Reason, reason_of

quickly = settings(max_examples=200, database=None, deadline=None)


def read(kind: str, **fields: str) -> Notice:
    return read_notice(urlencode({"transactionType": kind, **fields}).encode())


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("INSUFFICIENT_FUNDS", "insufficient_funds"),
        ("Transaction failed: 430360 - Insufficient funds.", "insufficient_funds"),
        ("Order failure.: 430306 - Expired card. Payment ID 1090001235", "card_expired"),
        ("The card has expired", "card_expired"),
        ("STRONG_CUSTOMER_AUTHENTICATION_REQUIRED", "authentication_required"),
        ("THREE_D_SECURE_FAILURE", "authentication_required"),
        ("CVV_ERROR", "incorrect_details"),
        ("CALL_ISSUER", "call_issuer"),
        ("DO_NOT_HONOR", "card_refused"),
        ("430285 - Authorization failed", "card_refused"),
        ("PROCESSING_GENERAL_DECLINE", "card_refused"),
        ("CANCELLED_BY_SELLER", "by_seller"),
        ("Cancelled by merchant", "by_seller"),
        ("Per your instructions", "by_seller"),
        ("Cancelled by shopper", "by_shopper"),
        ("Non-payment", "not_paid"),
        ("Fraudulent transaction - no cardholder authorization", "fraud"),
        ("Duplicate processing", "duplicate"),
        ("Mira Okafor was not happy", "other"),
        ("4263982640269299", "other"),
        ("defrauded", "other"),
    ],
)
def test_a_reason_becomes_a_word_of_ours(text, word):
    assert reason_of(text) == word
    assert reason_of(quote_plus(text)) == word


@quickly
@given(st.text(max_size=80))
def test_no_text_is_kept_and_none_breaks_the_reading(text):
    assert reason_of(text) in set(Reason)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("reversalReason", "reversal_reason"),
        ("cancelReason", "cancel_reason"),
        ("failureReason", "failure_reason"),
        ("declineReason", "failure_reason"),
    ],
)
def test_each_reason_has_its_field_and_free_text_makes_no_hint(name, field):
    for text, word in (("Insufficient funds", Reason.INSUFFICIENT_FUNDS), ("Mira said so. " * 40, Reason.OTHER)):
        notice = read("REFUND", **{name: text})
        assert getattr(notice, field) is word
        assert notice.complete
        assert "Mira" not in repr(notice)


def test_a_reason_longer_than_any_is_other():
    notice = read("CANCELLATION", cancelReason="insufficient funds " * 1000)
    assert (notice.cancel_reason, notice.complete) == (Reason.OTHER, True)


def test_every_status_of_a_dispute_is_read_in_any_case():
    for status in ("New", "Working", "Closed", "Completed_Won", "Completed_Lost", "Completed_Pending"):
        for text in (status, status.upper(), status.lower(), status.replace("_", " ")):
            notice = read("CHARGEBACK_STATUS_CHANGED", cbStatus=text)
            assert (notice.dispute_status, notice.complete) == (status.upper(), True)
            assert notice.dispute_status in DISPUTE_STATUSES


@pytest.mark.parametrize("text", ["Won", "4263982640269299", "x" * 5000])
def test_another_status_of_a_dispute_makes_a_hint(text):
    assert read("CHARGEBACK", cbStatus=text) == Notice(type="CHARGEBACK", complete=False)


def test_a_dispute_keeps_all_its_references():
    notice = read(
        "CHARGEBACK",
        referenceNumber="1090001235",
        reversalRefNum="38490713",
        captureReferenceNumber="1090001236",
        reversalAmount="-1,290.00",
        cbStatus="New",
    )
    assert notice.complete
    assert (notice.reference, notice.reversal_reference) == ("1090001235", "38490713")
    assert (notice.capture_reference, notice.reversal_amount) == ("1090001236", Decimal("-1290.00"))


def test_only_a_switch_names_a_new_plan():
    switched = read("CONTRACT_CHANGE", contractId="2340001", newContractId="2340002")
    assert (switched.plan_id, switched.new_plan_id) == ("2340002", "2340002")
    assert read("CHARGE", contractId="2340001").new_plan_id is None
    assert read("CONTRACT_CHANGE", newContractId="x") == Notice(type="CONTRACT_CHANGE", complete=False)


@pytest.mark.parametrize(
    ("kind", "renews"),
    [
        ("CANCEL_ON_RENEWAL", False),
        ("CANCELLATION", False),
        ("CANCELLATION_REFUND", False),
        ("REFUND", None),
        ("RECURRING", None),
        ("OFFLINE_ORDER", None),
    ],
)
def test_the_end_of_renewal_follows_from_the_type(kind, renews):
    assert read(kind).auto_renew is renews


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("55667788", ("55667788",)),
        ("55667788,55667789", ("55667788", "55667789")),
        (" 55667788 , ,55667789,", ("55667788", "55667789")),
        (",", ()),
        (",".join(["999999999999"] * 50), ("999999999999",) * 50),
    ],
)
def test_linked_subscriptions_are_ids_between_commas(text, ids):
    notice = read("ACCOUNT_UPDATER", linkedSubscriptions=text)
    assert (notice.linked_subscriptions, notice.complete) == (ids, True)


@pytest.mark.parametrize("text", ["5;6", "5,x", "4263982640269299", ",".join(["1"] * 51), "1," * 5000])
def test_links_that_are_none_make_a_hint(text):
    assert read("ACCOUNT_UPDATER", linkedSubscriptions=text) == Notice(type="ACCOUNT_UPDATER", complete=False)
