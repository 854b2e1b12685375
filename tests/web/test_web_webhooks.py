"""BlueSnap's door: an authentic notice is taken whatever it carries, and every other one is refused by the same words, unread and unkept."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.store.models import NOTICES
from tests.support.cards import VISA, traces
from tests.support.metrics import reading
from tests.support.notices import charge_form, signed_headers
from tests.support.tools import OLD_WEBHOOK_KEY, START
from tests.support.web import WEBHOOKS, problem, told

BODY = charge_form()


def outcomes(web):
    return [(row.outcome, row.reason) for row in web.desk.rows(NOTICES)]


def changed(**headers):
    """The right headers with others in their place; None leaves one out."""
    given = signed_headers(BODY) | headers
    return {name: value for name, value in given.items() if value is not None}


FORGED = {
    "no headers": {},
    "no signature": changed(**{"bls-signature": None}),
    "no timestamp": changed(**{"bls-ipn-timestamp": None}),
    "empty signature": changed(**{"bls-signature": ""}),
    "signature of zeros": changed(**{"bls-signature": "0" * 64}),
    "signature of another body": signed_headers(BODY + b"&a=b"),
    "signature at another time": changed(**{"bls-ipn-timestamp": "2031-03-10 17:00:01.000"}),
    "signature by another key": signed_headers(BODY, key="webhook-key-of-somebody"),
    "signature by an empty key": signed_headers(BODY, key=""),
    "signature of letters": changed(**{"bls-signature": "z" * 64}),
    "timestamp in umlauts": changed(**{"bls-ipn-timestamp": "\u00e4"}),
}


def test_authentic_notice_is_taken_with_an_empty_answer(web):
    web.complete(web.open())
    body = charge_form(web.bluesnap.subscriptions[0], referenceNumber="7300001")
    answer = web.notify(body)
    assert (answer.status_code, answer.data) == (200, b"")
    assert outcomes(web) == [("applied", None)]


@pytest.mark.parametrize("name", FORGED)
def test_notice_that_is_not_authentic_is_refused_by_constant_words(web, name):
    before = web.rows()
    answer = web.notify(BODY, FORGED[name])
    body = problem(answer, 401, "signature_invalid")
    assert set(body) == {"type", "title", "status", "code", "request_id"}
    assert web.rows() == before


def test_notices_that_are_refused_are_counted(web):
    before = reading("panless_notices_refused_total")
    web.notify(BODY, {})
    web.notify(BODY)
    assert reading("panless_notices_refused_total") == before + 1


@pytest.mark.parametrize("place", [0, 20, -1])
def test_one_changed_byte_spoils_the_signature(web, place):
    spoiled = bytearray(BODY)
    spoiled[place] ^= 1
    problem(web.notify(bytes(spoiled), signed_headers(BODY)), 401, "signature_invalid")


def test_both_keys_sign_during_a_rotation(web):
    assert web.notify(BODY, signed_headers(BODY, key=OLD_WEBHOOK_KEY)).status_code == 200
    assert web.notify(BODY).status_code == 200
    assert len(outcomes(web)) == 1


@pytest.mark.parametrize("style", [str.upper, str.lower, str.title])
def test_headers_and_hex_are_read_in_any_case(web, style):
    headers = {style(name): value for name, value in signed_headers(BODY).items()}
    signature = next(name for name in headers if name.lower() == "bls-signature")
    headers[signature] = headers[signature].upper()
    assert web.notify(BODY, headers).status_code == 200


@pytest.mark.parametrize(
    ("span", "reason"),
    [(timedelta(seconds=-301), "stale"), (timedelta(seconds=301), "future"), (timedelta(days=-30), "stale")],
)
def test_old_or_early_notice_is_acknowledged_and_kept_as_a_hint(web, span, reason):
    assert web.notify(BODY, signed_headers(BODY, START + span)).status_code == 200
    assert outcomes(web) == [("hint", reason)]


def test_notice_with_an_unreadable_time_is_acknowledged_and_kept(web):
    from service.bluesnap import signature
    from tests.support.tools import WEBHOOK_KEY

    stamp = "tomorrow"
    headers = {"bls-ipn-timestamp": stamp, "bls-signature": signature.sign(WEBHOOK_KEY, stamp, BODY)}
    assert web.notify(BODY, headers).status_code == 200
    assert outcomes(web) == [("hint", "undated")]


@pytest.mark.parametrize(
    "body", [b"", b"\x00\xff", b"{}", b"transactionType=SOMETHING_NEW", f"custom1={VISA}".encode()]
)
def test_authentic_notice_is_never_refused_for_what_it_carries(web, body, logged):
    answer = web.notify(body)
    assert (answer.status_code, answer.data) == (200, b"")
    assert len(outcomes(web)) == 1
    assert traces(logged() + told(answer) + str(web.desk.rows(NOTICES)), VISA) == []


def test_notice_is_taken_whatever_its_media_type(web):
    for turn, media_type in enumerate(("application/json", "text/plain", None)):
        body = charge_form(custom1=str(turn), referenceNumber=str(turn))
        headers = signed_headers(body) | {"Content-Type": media_type}
        assert web.notify(body, {name: value for name, value in headers.items() if value}).status_code == 200


def test_notice_that_is_too_large_is_refused(web):
    body = b"a" * 65_537
    problem(web.notify(body), 413, "body_too_large")
    assert web.notify(body[:-1]).status_code == 200


def test_probe_of_the_address_is_answered_empty(web):
    for method in ("GET", "HEAD"):
        answer = web.call(method, WEBHOOKS)
        assert (answer.status_code, answer.data) == (200, b"")
    assert outcomes(web) == []


def test_api_key_is_no_signature(web):
    problem(web.call("POST", WEBHOOKS, auth=web.key, data=BODY), 401, "signature_invalid")
