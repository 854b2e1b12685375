"""The table from what BlueSnap says to what it means, row by row."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.bluesnap.causes import NEVER_SENT, Cause
from service.bluesnap.outcomes import as_error, unsent_or_unknown
from service.errors import (
    BlueSnapError,
    Code,
    Declined,
    DeclineReason,
    FieldsRefused,
    Misconfigured,
    NeverSent,
    NotFound,
    Rejected,
    RetryLater,
    Unknown,
)

quickly = settings(max_examples=200, database=None, deadline=None)


def said(status: int, *messages: dict[str, object], reading: bool = False) -> BlueSnapError:
    return as_error(status, json.dumps({"message": list(messages)}).encode(), reading=reading)


def named(name: str, code: object = "14002") -> dict[str, object]:
    return {"errorName": name, "code": code, "description": "text"}


# bluesnap/errors.md section 4, all thirty-five names of 14002
R = DeclineReason
FAMILY = {
    "ACCOUNT_CLOSED": (R.REFUSED, True),
    "AUTHORIZATION_REVOKED": (R.REFUSED, True),
    "CALL_ISSUER": (R.CALL_ISSUER, False),
    "CARD_LOST_OR_STOLEN": (R.REFUSED, True),
    "CVV_ERROR": (R.INCORRECT_DETAILS, False),
    "DO_NOT_HONOR": (R.REFUSED, False),
    "EXPIRED_CARD": (R.CARD_EXPIRED, True),
    "HIGH_RISK_ERROR": (R.REFUSED, True),
    "INCORRECT_INFORMATION": (R.INCORRECT_DETAILS, False),
    "INSUFFICIENT_FUNDS": (R.INSUFFICIENT_FUNDS, False),
    "INVALID_CARD_NUMBER": (R.INCORRECT_DETAILS, True),
    "INVALID_CARD_TYPE": (R.REFUSED, False),
    "INVALID_PIN_OR_PW_OR_ID_ERROR": (R.INCORRECT_DETAILS, False),
    "INVALID_TRANSACTION": (R.REFUSED, False),
    "LIMIT_EXCEEDED": (R.INSUFFICIENT_FUNDS, False),
    "PICKUP_CARD": (R.REFUSED, True),
    "PROCESSING_GENERAL_DECLINE": (R.REFUSED, False),
    "RESTRICTED_CARD": (R.REFUSED, True),
    "STRONG_CUSTOMER_AUTHENTICATION_REQUIRED": (R.AUTHENTICATION_REQUIRED, False),
    "THE_ISSUER_IS_UNAVAILABLE_OR_OFFLINE": (R.REFUSED, False),
    "THREE_D_SECURE_FAILURE": (R.AUTHENTICATION_REQUIRED, False),
    "THREE_D_SECURITY_AUTHENTICATION_REQUIRED": (R.AUTHENTICATION_REQUIRED, False),
}
OTHERS_OF_14002 = {
    "BLS_CONNECTION_PROBLEM": Unknown,
    "GENERAL_PAYMENT_PROCESSING_ERROR": Unknown,
    "PROCESSING_DUPLICATE": Unknown,
    "PROCESSING_TIMEOUT": Unknown,
    "SYSTEM_TECHNICAL_ERROR": Unknown,
    "INCORRECT_SETUP": Misconfigured,
    "AUTHORIZATION_AMOUNT_ALREADY_REVERSED": Rejected,
    "AUTHORIZATION_AMOUNT_NOT_VALID": Rejected,
    "AUTHORIZATION_EXPIRED": Rejected,
    "AUTHORIZATION_NOT_FOUND": Rejected,
    "INVALID_AMOUNT": Rejected,
    "PROCESSING_AMOUNT_ERROR": Rejected,
    "REFUND_FAILED": Rejected,
}


@pytest.mark.parametrize(("name", "expected"), FAMILY.items())
def test_every_refusal_of_a_card_has_its_reason_and_hardness(name, expected):
    error = said(400, named(name))
    assert isinstance(error, Declined)
    assert (error.reason, error.hard) == expected


@pytest.mark.parametrize(("name", "expected"), OTHERS_OF_14002.items())
def test_every_other_name_of_14002_has_its_class(name, expected):
    assert type(said(400, named(name))) is expected


def test_all_thirty_five_names_of_14002_are_told_apart():
    assert len({*FAMILY, *OTHERS_OF_14002}) == 35


@pytest.mark.parametrize(
    "message", [{"code": "14002"}, {"code": 14002}, named("BRAND_NEW"), named(""), named("insufficient funds")]
)
def test_14002_without_a_known_name_is_unknown(message):
    error = said(400, message)
    assert (type(error), error.cause) == (Unknown, "processing_broke")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("INVALID_API_VERSION", Misconfigured),
        ("PAYMENT_GENERAL_FAILURE", Unknown),
        ("SERVER_GENERAL_FAILURE", Unknown),
        ("BLS_NO_SUCH_SHOPPER_PAYMENT_METHOD", Rejected),
        ("", Unknown),
    ],
)
def test_each_meaning_of_10000_has_its_class(name, expected):
    assert type(said(400, named(name, "10000"))) is expected


@pytest.mark.parametrize(
    ("name", "code", "ours"),
    [
        ("EXPIRED_TOKEN", "14040", Code.PAYMENT_FIELDS_TOKEN_EXPIRED),
        ("TOKEN_NOT_FOUND", "14041", Code.PAYMENT_FIELDS_TOKEN_NOT_FOUND),
        ("NO_PAYMENT_DETAILS_LINKED_TO_TOKEN", "14042", Code.PAYMENT_FIELDS_TOKEN_EMPTY),
        ("TOKEN_WAS_ALREADY_USED_FOR_CC", None, Code.PAYMENT_FIELDS_TOKEN_NOT_FOUND),
    ],
)
def test_refused_fields_say_which_way(name, code, ours):
    for message in filter(lambda one: one.get("errorName") or one.get("code"), ({"errorName": name}, {"code": code})):
        error = said(400, message)
        assert isinstance(error, FieldsRefused)
        assert error.code is ours


@pytest.mark.parametrize(
    "message", [named("FRAUD_DETECTED", "15011"), {"code": "15011"}, {"code": 15012}, named("FRAUD_ERROR", 15011)]
)
def test_a_suspicion_of_fraud_is_a_hard_decline_without_a_reason(message):
    error = said(400, message)
    assert isinstance(error, Declined)
    assert (error.reason, error.hard, error.cause) == (R.REFUSED, True, "fraud_suspected")


@pytest.mark.parametrize("message", [named("TRANSACTION_ALREADY_EXISTS", "20006"), {"code": 20006}])
def test_duplicate_of_an_accepted_one_is_no_refusal(message):
    assert (type(said(400, message)), said(400, message).cause) == (Unknown, "processing_broke")


@pytest.mark.parametrize("code", [13001, 14011, 14016, 14100, 22013, 24004, 24012])
def test_account_set_up_is_a_matter_for_an_operator(code):
    assert type(said(400, {"code": str(code)})) is Misconfigured


@pytest.mark.parametrize(
    "code",
    [
        7,
        30,
        10001,
        11001,
        14005,
        14021,
        15008,
        15009,
        16001,
        16003,
        20010,
        20026,
        24005,
        24018,
        26003,
        90009,
        90013,
        90023,
    ],
)
def test_a_named_fault_of_the_request_ends_the_attempt(code):
    assert type(said(400, {"code": str(code)})) is Rejected


@pytest.mark.parametrize(
    ("status", "reading", "expected", "cause"),
    [
        (401, False, Misconfigured, "credentials_refused"),
        (401, True, Misconfigured, "credentials_refused"),
        (403, False, Misconfigured, "forbidden"),
        (403, True, NotFound, "not_found"),
        (404, False, Misconfigured, "no_such_path"),
        (404, True, NotFound, "not_found"),
        (405, False, Rejected, "wrong_method"),
        (409, False, Unknown, "unexpected_status"),
        (422, False, Rejected, "invalid_request"),
        (423, False, RetryLater, "throttled"),
        (423, True, RetryLater, "throttled"),
        (429, False, RetryLater, "throttled"),
        (429, True, RetryLater, "throttled"),
        (400, False, Unknown, "unexpected_refusal"),
        (400, True, Unknown, "unexpected_refusal"),
        (408, False, Unknown, "unexpected_status"),
        (418, True, Unknown, "unexpected_status"),
        (302, False, Unknown, "redirect"),
        (302, True, Unknown, "redirect"),
        (500, False, Unknown, "server_error"),
        (500, True, Unknown, "server_error"),
        (503, False, Unknown, "server_error"),
        (503, True, RetryLater, "unavailable"),
        (599, True, Unknown, "server_error"),
        (101, False, Unknown, "unexpected_status"),
        (999, True, Unknown, "server_error"),
    ],
)
def test_a_status_without_a_body_has_a_meaning(status, reading, expected, cause):
    error = as_error(status, b"", reading=reading)
    assert (type(error), error.cause, error.status) == (expected, cause, status)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_no_name_turns_a_5xx_on_a_post_into_a_failure(status):
    assert type(said(status, named("INSUFFICIENT_FUNDS"))) is Unknown


def test_a_running_key_is_for_later_and_a_reused_key_is_our_bug():
    running = "REQUEST_WITH_SAME_IDEMPOTENCY_KEY_ALREADY_IN_PROGRESS"
    reused = "SAME_IDEMPOTENCY_KEY_WAS_ALREADY_IN_USE_WITH_PREVIOUS_DIFFERENT_REQUEST"
    assert (type(said(409, named(running, "60102"))), said(409, {"code": 60102}).cause) == (
        RetryLater,
        "key_in_progress",
    )
    assert (type(said(422, named(reused, "60101"))), said(422, {"code": 60101}).cause) == (Rejected, "key_reused")


def test_a_forbidden_post_that_names_its_content_is_rejected():
    assert type(said(403, named("INVALID_TRANSACTION_TYPE", "7"))) is Rejected
    assert said(403, named("XSS_EXCEPTION", "11001")).cause == "malicious_content"
    assert type(said(403, named("USER_NOT_AUTHORIZED", None))) is Misconfigured
    assert type(said(403, named("SYSTEM_TECHNICAL_ERROR"))) is Unknown
    assert as_error(403, b"<html>blocked</html>", reading=False, html=True).cause == "blocked"


@pytest.mark.parametrize(
    "message",
    [named("SUBSCRIPTION_NOT_FOUND", "90009"), {"code": 90009}, named("USER_NOT_AUTHORIZED", None), {"code": "15008"}],
)
def test_absence_on_a_read_is_not_found_whatever_its_status(message):
    assert type(said(400, message, reading=True)) is NotFound
    assert type(said(403, message, reading=True)) is NotFound


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (403, b"", NotFound),
        (403, b"User is not authorized to view the subscription.", NotFound),
        (403, b'{"message":[{"errorName":"USER_NOT_AUTHORIZED"}]}', NotFound),
        (400, b'{"message":[{"code":"90009"}]}', NotFound),
        (400, b'{"message":[{"code":"15008"}]}', NotFound),
        (404, b"", NotFound),
        (403, b'{"message":[{"code":"11001"}]}', Rejected),
        (403, b'{"message":[{"code":"24004"}]}', Misconfigured),
        (403, b'{"message":[{"errorName":"SYSTEM_TECHNICAL_ERROR"},{"code":"90009"}]}', Unknown),
        (400, b"", Unknown),
        (409, b'{"message":[{"code":"90009"}]}', Unknown),
        (500, b'{"message":[{"code":"90009"}]}', Unknown),
        (503, b"", Unknown),
    ],
)
def test_a_change_of_what_is_not_there_is_not_found(status, body, expected):
    assert type(as_error(status, body, reading=False, targeted=True)) is expected


def test_a_page_in_front_of_a_change_says_nothing_about_its_target():
    for status, cause in ((403, "blocked"), (404, "no_such_path")):
        assert as_error(status, b"<html></html>", reading=False, targeted=True, html=True).cause == cause


@pytest.mark.parametrize(
    ("name", "code", "cause"),
    [
        ("INVOICE_ALREADY_REFUNDED", 14009, "already_refunded"),
        ("INVOICE_ALREADY_FULLY_REFUNDED", 14022, "already_refunded"),
        ("", 14005, "refund_amount"),
        ("", 14006, "refund_amount"),
        ("REFUND_IN_PROCESS", 14023, "refund_running"),
        ("TRANSACTION_LOCKED", 20003, "refund_running"),
        ("", 14007, "not_refundable"),
        ("PARTIAL_REFUND_NOT_SUPPORTED", 14024, "not_refundable"),
        ("PAYMENT_METHOD_NOT_REFUNDABLE", 14048, "not_refundable"),
        ("INSUFFICIENT_FUNDS_FOR_REFUND", 14008, "balance_too_low"),
        ("DELETE_SHOPPER_VALIDATION_FAILURE", 14110, "shopper_needed"),
        ("MULTIPLE_PAYMENT_METHODS_NON_SELECTED", 16003, "card_ambiguous"),
    ],
)
def test_a_refused_refund_or_deletion_says_why_by_name_and_by_code(name, code, cause):
    answers = [said(400, {"code": code})] + [said(400, named(one, None)) for one in [name] if one]
    assert {(type(error), str(error.cause)) for error in answers} == {(Rejected, cause)}


def test_a_general_failure_of_a_refund_is_unknown():
    assert type(said(400, {"code": 14004})) is Unknown
    assert type(said(400, named("REFUND_GENERAL_FAILURE", None))) is Unknown


def test_a_look_up_is_never_declined():
    for name in ("INSUFFICIENT_FUNDS", "EXPIRED_TOKEN"):
        assert type(said(400, named(name), reading=True)) is Unknown


def test_the_name_outweighs_the_code():
    assert isinstance(said(400, named("INSUFFICIENT_FUNDS", "10001")), Declined)
    assert type(said(400, named("SYSTEM_TECHNICAL_ERROR", "10001"))) is Unknown


def test_a_broken_processing_among_several_messages_outweighs_them():
    for messages in (
        (named("INSUFFICIENT_FUNDS"), named("PROCESSING_TIMEOUT")),
        (named("PROCESSING_TIMEOUT"), named("CVV_ERROR")),
    ):
        assert type(said(400, *messages)) is Unknown


def test_messages_without_name_or_code_do_not_hide_the_others():
    assert isinstance(
        said(400, {"description": "x"}, named("CVV_ERROR"), {"code": "14002"}, named("CVV_ERROR")), Declined
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10) | st.just("INSUFFICIENT_FUNDS"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["message", "errorName", "code", "errorCode", "x"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@quickly
@given(
    st.integers(100, 999),
    json_values.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60),
    st.booleans(),
    st.booleans(),
)
def test_no_answer_breaks_the_table_or_speaks_through_it(status, body, reading, html):
    error = as_error(status, body, reading=reading, html=html)
    assert error.cause in set(Cause)
    assert error.args == (error.cause,)
    assert not (reading and isinstance(error, Declined | FieldsRefused | NeverSent))


@quickly
@given(st.integers(500, 599), json_values.map(lambda value: json.dumps(value).encode()))
def test_no_body_turns_a_5xx_on_a_post_into_anything_but_unknown(status, body):
    assert type(as_error(status, body, reading=False)) is Unknown


def test_only_the_causes_that_prove_it_are_never_sent():
    assert {cause for cause in Cause if isinstance(unsent_or_unknown(cause), NeverSent)} == set(NEVER_SENT)
    assert {str(cause) for cause in NEVER_SENT} == {
        "no_such_host", "connection_refused", "connect_timed_out", "tls_failed", "certificate_refused", "no_time_left",
    }  # fmt: skip
