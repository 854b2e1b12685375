"""What is taken from a notice, and what makes one no more than a hint."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.bluesnap.notices import OTHER, TYPES, Notice, read_notice

quickly = settings(max_examples=200, database=None, deadline=None)

RENEWAL = (
    b"transactionType=RECURRING&testMode=N&referenceNumber=1090002345&originalReferenceNumber=1090001235&accountId=31000042"
    b"&subscriptionId=55667788&contractId=2340001&contractName=Team+monthly&productId=990001&quantity=1&invoiceAmount=290.00"
    b"&invoiceChargeAmount=290.00&invoiceChargeCurrency=USD&invoiceAmountUSD=290.00&transactionDate=04%2F18%2F2025+12%3A00+AM"
    b"&untilDate=05%2F18%2F2025+12%3A00+AM&merchantTransactionId=&paymentMethod=CC&creditCardLastFourDigits=9299"
    b"&creditCardExpDate=2%2F2030&firstName=Mira&lastName=Okafor&email=mira%40example.test&avsResponse=Good+match+&authKey="
)


def read(**fields: str) -> Notice:
    return read_notice(urlencode({"transactionType": "CHARGE", **fields}).encode())


def test_a_renewal_is_read_field_by_field():
    assert read_notice(RENEWAL) == Notice(
        type="RECURRING",
        reference="1090002345",
        original_reference="1090001235",
        reversal_reference=None,
        shopper_id="31000042",
        subscription_id="55667788",
        plan_id="2340001",
        quantity=1,
        amount=Decimal("290.00"),
        currency="USD",
        provider_time=datetime(2025, 4, 18, 7, 0, tzinfo=UTC),
        until=datetime(2025, 5, 18, 7, 0, tzinfo=UTC),
        test_mode=False,
        complete=True,
    )


def test_nothing_about_a_person_or_a_card_is_kept():
    kept = repr(read_notice(RENEWAL))
    assert not [word for word in ("Mira", "Okafor", "example.test", "9299", "2030", "Team") if word in kept]


def test_a_notice_of_two_fields_is_complete():
    notice = read_notice(b"transactionType=AUTH_ONLY_SINGLE_CHARGE&referenceNumber=1092751014")
    assert notice == Notice(type="AUTH_ONLY_SINGLE_CHARGE", reference="1092751014")


def test_a_plan_switch_names_the_new_plan():
    notice = read(
        transactionType="CONTRACT_CHANGE", contractId="2340001", newContractId="2340002", oldContractId="2340001"
    )
    assert notice.plan_id == "2340002"
    assert notice.complete


@pytest.mark.parametrize("name", ["originalReferenceNumber", "originalRefNum", "originalInvoiceId"])
def test_the_original_charge_is_found_under_any_of_its_names(name):
    assert read(**{name: "1090001235"}).original_reference == "1090001235"


def test_of_several_names_of_the_original_charge_the_documented_one_counts():
    notice = read(originalInvoiceId="3", originalRefNum="2", originalReferenceNumber="1")
    assert notice.original_reference == "1"


def test_a_refund_keeps_its_reversal_and_its_minus_sign():
    notice = read(
        transactionType="CANCELLATION_REFUND",
        reversalRefNum="38490713",
        invoiceChargeAmount="-37.50",
        contractPrice="37.50",
    )
    assert (notice.reversal_reference, notice.amount) == ("38490713", Decimal("-37.50"))


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("34.00", "34.00"),
        ("1,234.56", "1234.56"),
        ("1,234,567.89", "1234567.89"),
        ("-1,200.00", "-1200.00"),
        ("1200", "1200"),
        ("0.00", "0.00"),
        (" 34.00 ", "34.00"),
    ],
)
def test_amounts_are_exact_whatever_their_commas(text, amount):
    notice = read(invoiceChargeAmount=text)
    assert str(notice.amount) == amount
    assert notice.complete


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("invoiceChargeAmount", "12,34.56"),
        ("invoiceChargeAmount", "$34.00"),
        ("invoiceChargeAmount", "1e3"),
        ("invoiceChargeAmount", "NaN"),
        ("invoiceChargeAmount", "1234567890.00"),
        ("invoiceChargeAmount", "٣٤"),
        ("invoiceChargeAmount", "--1"),
        ("invoiceChargeCurrency", "US"),
        ("invoiceChargeCurrency", "US1"),
        ("referenceNumber", "1090x"),
        ("referenceNumber", "1234567890123"),
        ("subscriptionId", "-1"),
        ("accountId", "4263982640269299"),
        ("contractId", "1 2"),
        ("quantity", "1.0"),
        ("quantity", "1234567"),
        ("testMode", "maybe"),
        ("transactionDate", "2025-04-18"),
        ("transactionDate", "04/18/2025 13:00 PM"),
        ("transactionDate", "04/18/2025 00:10 AM"),
        ("transactionDate", "04/31/2025 01:00 AM"),
        ("transactionDate", "4/18/2025 1:00 AM"),
        ("untilDate", "01/01/0001 01:00 AMM"),
        ("untilDate", "x" * 5000),
    ],
)
def test_a_field_that_fails_its_format_is_dropped_and_makes_a_hint(name, text):
    notice = read(**{name: text})
    assert notice == Notice(type="CHARGE", complete=False)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("08/16/2023 12:46 AM", datetime(2023, 8, 16, 7, 46, tzinfo=UTC)),
        ("08/11/2014 12:02 AM", datetime(2014, 8, 11, 7, 2, tzinfo=UTC)),
        ("08/11/2014 12:02 PM", datetime(2014, 8, 11, 19, 2, tzinfo=UTC)),
        ("12/08/2011 02:38 PM", datetime(2011, 12, 8, 22, 38, tzinfo=UTC)),
        ("08/08/2014 08:41 AM", datetime(2014, 8, 8, 15, 41, tzinfo=UTC)),
        # spring: from 01:59 to 03:00
        ("03/09/2025 01:59 AM", datetime(2025, 3, 9, 9, 59, tzinfo=UTC)),
        ("03/09/2025 03:00 AM", datetime(2025, 3, 9, 10, 0, tzinfo=UTC)),
        ("03/09/2025 02:30 AM", datetime(2025, 3, 9, 10, 30, tzinfo=UTC)),
        # autumn: 01:30 happens twice, the first is meant
        ("11/02/2025 12:59 AM", datetime(2025, 11, 2, 7, 59, tzinfo=UTC)),
        ("11/02/2025 01:30 AM", datetime(2025, 11, 2, 8, 30, tzinfo=UTC)),
        ("11/02/2025 02:00 AM", datetime(2025, 11, 2, 10, 0, tzinfo=UTC)),
    ],
)
def test_dates_are_pacific_with_daylight_saving_and_a_twelve_hour_clock(text, moment):
    assert read(transactionDate=text).provider_time == moment
    assert read(untilDate=text).until == moment


def test_blank_values_are_absent_and_harmless():
    names = ("referenceNumber", "subscriptionId", "invoiceChargeAmount", "untilDate", "testMode", "quantity")
    assert read(**dict.fromkeys(names, " ")) == Notice(type="CHARGE")


def test_the_first_value_that_is_not_blank_counts():
    notice = read_notice(b"transactionType=&transactionType=CHARGE&subscriptionId=&subscriptionId=7&subscriptionId=7")
    assert notice == Notice(type="CHARGE", subscription_id="7")


def test_two_values_that_contradict_each_other_make_a_hint():
    notice = read_notice(b"transactionType=CHARGE&subscriptionId=7&subscriptionId=8")
    assert notice == Notice(type="CHARGE", subscription_id="7", complete=False)


def test_names_and_types_are_read_in_any_case():
    notice = read_notice(
        b"TRANSACTIONTYPE=charge&ReferenceNumber=5&SUBSCRIPTIONid=7&TestMode=y&invoiceChargeCurrency=usd"
    )
    assert notice == Notice(type="CHARGE", reference="5", subscription_id="7", test_mode=True, currency="USD")


def test_plus_and_percent_both_mean_a_space():
    plus = read_notice(b"transactionType=CHARGE&transactionDate=09%2F27%2F2026+01%3A30+PM")
    percent = read_notice(b"transactionType=CHARGE&transactionDate=09%2F27%2F2026%2001%3A30%20PM")
    assert plus == percent
    assert plus.provider_time == datetime(2026, 9, 27, 20, 30, tzinfo=UTC)


def test_latin_1_bytes_in_other_fields_do_no_harm():
    notice = read_notice(
        b"transactionType=CHARGE&firstName=Jos\xe9&lastName=M%FCller&prestashop_order_id=x&subscriptionId=7"
    )
    assert notice == Notice(type="CHARGE", subscription_id="7")


def test_latin_1_bytes_in_a_listed_field_make_a_hint():
    assert read_notice(b"transactionType=CHARGE&subscriptionId=\xe9") == Notice(type="CHARGE", complete=False)


@pytest.mark.parametrize("kind", ["BRAND_NEW_TYPE", "4263982640269299", "<script>", "x" * 5000])
def test_an_unknown_type_is_other(kind):
    assert read(transactionType=kind, subscriptionId="7") == Notice(type=OTHER, subscription_id="7")


@pytest.mark.parametrize("body", [b"", b"&&&", b"===", b"\x00\xff", b"subscriptionId", b'{"transactionType":"CHARGE"}'])
def test_a_body_without_a_type_is_a_hint(body):
    assert read_notice(body) == Notice(type=OTHER, complete=False)


def test_fields_beyond_the_most_we_read_make_a_hint():
    body = b"transactionType=CHARGE" + b"&a=b" * 5000 + b"&subscriptionId=7"
    assert read_notice(body) == Notice(type="CHARGE", complete=False)


def test_no_documented_type_is_lost():
    assert {read(transactionType=kind).type for kind in TYPES} == TYPES
    assert OTHER not in TYPES


names = st.sampled_from(
    ["transactionType", "subscriptionId", "invoiceChargeAmount", "transactionDate", "testMode", "x", ""]
)


@quickly
@given(st.binary(max_size=300))
def test_no_bytes_break_the_reading(body):
    assert read_notice(body).type in {*TYPES, OTHER}


@quickly
@given(st.lists(st.tuples(names, st.text(max_size=30) | st.from_regex(r"[0-9/: APM,.-]{0,25}")), max_size=8))
def test_no_values_of_listed_fields_break_the_reading(fields):
    notice = read_notice(urlencode(fields).encode())
    assert notice.subscription_id is None or (notice.subscription_id.isascii() and notice.subscription_id.isdigit())
    assert notice.amount is None or notice.amount.is_finite()
