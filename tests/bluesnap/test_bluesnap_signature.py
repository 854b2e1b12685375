"""What counts as signed, and when."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.bluesnap.signature import parse_timestamp, sign, verify

# The vector of bluesnap/webhooks.md section 2.1.
KEY = "wh-demo-key-1"
STAMP = "2025-03-04 05:06:07.089"
BODY = (
    b"transactionType=CHARGE&referenceNumber=1090001234&subscriptionId=55667788&accountId=31000042&testMode=Y"
    b"&merchantTransactionId=&invoiceChargeAmount=1%2C234.56&invoiceChargeCurrency=USD&transactionDate=03%2F03%2F2025+09%3A06+PM"
)
SIGNATURE = "f331285382655cd725712aea56c2910f13eca75238cec21dfca6ab4326c153b9"

quickly = settings(max_examples=200, database=None, deadline=None)
texts = st.none() | st.text(max_size=80)


def test_the_published_vector_is_what_we_sign():
    assert sign(KEY, STAMP, BODY) == SIGNATURE


def test_a_genuine_notice_is_verified():
    assert verify([KEY], STAMP, SIGNATURE, BODY) is True


@pytest.mark.parametrize("keys", [["new-key", KEY], [KEY, "old-key"], ["a", "b", KEY, "c"]])
def test_any_key_of_a_rotation_verifies(keys):
    assert verify(keys, STAMP, SIGNATURE, BODY)


def test_upper_case_hex_and_blanks_around_headers_are_accepted():
    assert verify([KEY], f" {STAMP}\t", f"  {SIGNATURE.upper()} ", BODY)


@pytest.mark.parametrize("keys", [[], [""], ["  "], ["", " "]])
def test_no_key_and_blank_keys_verify_nothing(keys):
    for key in ("", " ", "  "):
        assert not verify(keys, STAMP, sign(key, STAMP, BODY), BODY)


@pytest.mark.parametrize("stamp", [None, "", " ", "2025-03-04 05:06:07.088", "ü"])
def test_another_timestamp_is_refused(stamp):
    assert not verify([KEY], stamp, SIGNATURE, BODY)
    assert not verify([KEY], stamp, sign(KEY, "", BODY), BODY)


def test_a_signature_without_a_timestamp_is_refused_even_if_it_fits():
    assert not verify([KEY], "", sign(KEY, "", BODY), BODY)


@quickly
@given(position=st.integers(0, len(BODY) - 1), change=st.integers(1, 255))
def test_a_body_with_one_changed_byte_is_refused(position, change):
    altered = bytearray(BODY)
    altered[position] ^= change
    assert not verify([KEY], STAMP, SIGNATURE, bytes(altered))


@quickly
@given(position=st.integers(0, 63), digit=st.sampled_from("0123456789abcdef"))
def test_a_signature_with_one_changed_digit_is_refused(position, digit):
    altered = SIGNATURE[:position] + digit + SIGNATURE[position + 1 :]
    assert verify([KEY], STAMP, altered, BODY) is (altered == SIGNATURE)


@quickly
@given(keys=st.lists(st.text(max_size=40), max_size=3), stamp=texts, signature=texts, body=st.binary(max_size=200))
def test_malformed_headers_are_refused_and_never_raise(keys, stamp, signature, body):
    assert verify(keys, stamp, signature, body) is False


@pytest.mark.parametrize("length", [0, 1, 63, 65, 128])
def test_a_signature_of_another_length_is_refused(length):
    assert not verify([KEY], STAMP, (SIGNATURE * 2)[:length], BODY)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-09-21 13:03:50.558", datetime(2026, 9, 21, 13, 3, 50, 558000, tzinfo=UTC)),
        ("2026-09-21 13:03:50", datetime(2026, 9, 21, 13, 3, 50, tzinfo=UTC)),
        ("2026-09-21 13:03:50.5", datetime(2026, 9, 21, 13, 3, 50, 500000, tzinfo=UTC)),
        (" 2026-09-21 13:03:50.558 ", datetime(2026, 9, 21, 13, 3, 50, 558000, tzinfo=UTC)),
    ],
)
def test_a_timestamp_is_read_with_and_without_a_fraction(text, expected):
    assert parse_timestamp(text, UTC) == expected


def test_a_timestamp_is_read_in_the_zone_that_the_caller_names():
    read = parse_timestamp("2026-07-01 05:00:00.000", ZoneInfo("America/Los_Angeles"))
    assert read == datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-09-21",
        "2026-09-21T13:03:50Z",
        "2026-02-30 13:03:50",
        "2026-09-21 24:03:50",
        "2026-09-21 13:03:50.",
        "2026-09-21 13:03:50.1234567",
        "٢٠٢٦-09-21 13:03:50",
        "0001-01-01 00:00:00",
        "9999-12-31 23:59:59",
    ],
)
def test_anything_else_is_no_timestamp(text):
    zone = ZoneInfo("Asia/Tokyo" if text.startswith("0001") else "America/Los_Angeles")
    assert parse_timestamp(text, zone) is None


@quickly
@given(st.text(max_size=40))
def test_no_text_breaks_the_reading_of_a_timestamp(text):
    assert parse_timestamp(text, UTC) is None
