"""The typed schema fields: what people really write goes through, a card number in any spelling does not, and no complaint quotes it."""

from __future__ import annotations

import json
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import ValidationError
from sqlalchemy import text

from service.cardguard import fields, formats
from service.errors import Code
from tests.support.cards import NUMBERS, spellings, traces

GOOD = {
    fields.Account: ["a", "acct-A_1", "x" * 64, "123456789012", str(uuid.UUID(int=1, version=4)), "A" * 52 + "1" * 12],
    fields.PlanName: ["team", "business", "x" * 30],
    fields.PersonName: [
        "Mira",
        "O'Neil",
        "Ng\u00f4 Th\u1ecb Hoa",
        "\u674e\u5c0f\u9f99",
        "J\u00fcrgen Jr.",
        "D\u2019Arcy-Smith",
        "Louis 14",
    ],
    fields.Email: ["mira@example.org", "a.b+c%d'e-f_1@mail.example-host.co.uk", "x" * 64 + "@example.org"],
    fields.Country: ["us", "DE", "Gb"],
    fields.State: ["MA", "QC"],
    fields.Zip: ["02451", "SW1A 1AA", "1234-567", "D02 X285"],
    fields.ProviderRef: ["1", "123456789012"],
    fields.Amount: ["0", "0.00", "290.00", "29", "999999999.999"],
    fields.CurrencyCode: ["USD", "JPY"],
    fields.FeedCursor: ["b" * 30, ("b" + "z" * 14) * 2],
    fields.ChargeCursor: ["ch_" + "b" * 30, "ch_" + "z" * 30],
    fields.GrantCursor: ["gr_" + "b" * 30, "gr_" + "z" * 30],
    fields.Actor: ["worker", "key:key_" + "b" * 30, "person:per_" + "z" * 30, "login:anna_b", "login:anna_2"],
    fields.ActName: ["signup.active", "hand.deleted"],
    fields.Ticket: ["SUP-1234", "SUP-12345678"],
    fields.MomentOf: ["2027-04-17T12:00:00Z", "2027-04-17T12:00:00.123456+02:00"],
    fields.FraudSession: ["a1", "0123456789abcdef0123456789ABCDEF", "x" * 32],
    fields.ClientAddress: ["192.0.2.7", "2001:db8::1", "::ffff:192.0.2.7"],
}
BAD = {
    fields.Account: ["", " ", "a b", "x" * 65, "acct.a", "acct/a", "acct\n", "1234567890123", "\u00e4", "a\x00"],
    fields.PlanName: ["", "Team", "team ", "team2", "x" * 31],
    fields.PersonName: [
        "",
        "   ",
        "x" * 101,
        "Mira\n",
        "Mira\x00",
        "<b>",
        "a@b",
        "Mira \U0001f600",
        "\ud800",
        "a\u200bb",
    ],
    fields.Email: [
        "",
        "mira",
        "mira@host",
        "@example.org",
        "mira@example..org",
        "m ira@example.org",
        "x" * 201 + "@a.bc",
    ],
    fields.Country: ["", "USA", "u", "1a", "\u00fcs"],
    fields.State: ["", "ma", "MAS", "M1"],
    fields.Zip: ["", " 02451", "-1", "x" * 17, "12345\n"],
    fields.ProviderRef: ["", "-1", "1.5", "1234567890123", "\u0661"],
    fields.Amount: [
        "",
        "-1",
        "+1",
        "01",
        "1.",
        ".5",
        "1e2",
        "1,000",
        "1.0000",
        "1000000000",
        "NaN",
        " 1",
        "1\n",
        "\u0661",
    ],
    fields.CurrencyCode: ["", "usd", "US", "USDT", "U$D", "USD\n"],
    fields.FeedCursor: ["", "b" * 29, "b" * 31, "z" * 30, "1" * 30, "a" * 30, "B" * 30],
    fields.GrantCursor: ["", "gr_", "gr_" + "a" * 30, "gr_" + "b" * 31, "ch_" + "b" * 30, "1"],
    fields.Actor: ["", "nobody", "key:", "worker ", "login:", "login:Anna", "login:1234567", "person:per_" + "a" * 30],
    fields.ActName: ["", "Signup.Active", "signup active", "1", ".active", "x" * 64],
    fields.Ticket: ["", "1234", "SUP-123456789", "SUP 1234", "SUP-1234\n", "-1"],
    fields.MomentOf: ["", "2027-04-17", "2027-04-17T12:00:00", "2027-13-17T12:00:00Z", "now", "1"],
    fields.ChargeCursor: ["", "ch_", "ch_" + "a" * 30, "ch_" + "b" * 31, "sub_" + "b" * 30, "1"],
    fields.FraudSession: ["", "x" * 33, "a-b", "a b"],
    fields.ClientAddress: ["", "192.0.2", "192.0.2.7/24", "fe80::1%eth0", "localhost", "1" * 46],
}
EXACT = sorted(GOOD, key=lambda field: field.__name__)


def complaint(field, value):
    """What a field says of a value: a code, or None if it takes it."""
    try:
        taken = field().deserialize(value)
    except ValidationError as error:
        return json.dumps(error.messages)
    assert taken == (formats.moment(value) if field is fields.MomentOf else value)
    return None


def test_every_typed_field_has_examples_here():
    declared = {item for item in vars(fields).values() if isinstance(item, type) and issubclass(item, fields.Exact)}
    assert declared - {fields.Exact, fields.CursorOf} == set(GOOD) == set(BAD)


@pytest.mark.parametrize(("field", "value"), [(field, value) for field in EXACT for value in GOOD[field]])
def test_field_takes_what_people_really_write(field, value):
    assert complaint(field, value) is None


@pytest.mark.parametrize(("field", "value"), [(field, value) for field in EXACT for value in BAD[field]])
def test_field_refuses_bad_text_by_its_own_code(field, value):
    assert complaint(field, value) == json.dumps([field.code.value])


@pytest.mark.parametrize("value", [1, 1.5, True, None, [], {}, ["a"]])
@pytest.mark.parametrize("field", EXACT)
def test_field_refuses_what_is_not_text(field, value):
    assert complaint(field, value) in {json.dumps([field.code.value]), json.dumps([Code.FIELD_MALFORMED.value])}


@pytest.mark.parametrize("field", EXACT)
def test_field_refuses_card_numbers_however_they_are_spelled(field):
    for number in NUMBERS:
        for spelled in spellings(number).values():
            told = complaint(field, spelled)
            assert told is not None, spelled
            assert traces(told, number) == []


@pytest.mark.parametrize("value", [0, 1, "true", "false", "on", None, [True], 1.0])
def test_truth_is_a_json_boolean(value):
    with pytest.raises(ValidationError) as told:
        fields.Truth().deserialize(value)
    assert told.value.messages == [Code.FIELD_MALFORMED.value]
    assert [fields.Truth().deserialize(one) for one in (True, False)] == [True, False]


@pytest.mark.parametrize("value", [0, 101, -1, 10**30, 1.0, "5", True, None, [5]])
def test_whole_number_is_a_json_integer_within_its_bounds(value):
    with pytest.raises(ValidationError) as told:
        fields.WholeNumber(1, 100, Code.MEMBERS_OUT_OF_RANGE).deserialize(value)
    assert told.value.messages in ([Code.MEMBERS_OUT_OF_RANGE.value], [Code.FIELD_MALFORMED.value])


@pytest.mark.parametrize("value", [1, 50, 100])
def test_whole_number_takes_its_bounds_and_between(value):
    assert fields.WholeNumber(1, 100, Code.MEMBERS_OUT_OF_RANGE).deserialize(value) == value


PLAIN = st.text(alphabet="abcXYZ019_-", min_size=1, max_size=66)
OF_DOMAIN = [
    (
        "account_ref",
        formats.is_account,
        st.one_of(PLAIN, st.uuids().map(str), st.uuids().map(lambda one: str(one).upper())),
    ),
    ("fraud_ref", formats.is_fraud_session, st.one_of(PLAIN, st.from_regex(r"[0-9a-fA-F]{32}", fullmatch=True))),
    ("provider_ref", lambda value: formats.matches(formats.PROVIDER_REF, value), st.text("0123456789-", max_size=14)),
    ("our_id", lambda value: formats.matches(formats.OUR_ID, value), st.from_regex(formats.OUR_ID, fullmatch=True)),
]


@pytest.mark.parametrize(("domain", "accepts", "values"), OF_DOMAIN, ids=[row[0] for row in OF_DOMAIN])
def test_door_and_database_agree_on_what_they_take(module_engine, domain, accepts, values):
    """What the door takes and the database refuses would be an internal error; the other way round a hole in the guard."""

    @settings(max_examples=60, deadline=None, database=None, derandomize=True)
    @given(values)
    def agree(value):
        with module_engine.connect() as connection:
            taken = connection.execute(text(f"SELECT check_{domain}(:value)"), {"value": value}).scalar_one()
        assert taken == accepts(value)

    with module_engine.begin() as connection:
        connection.exec_driver_sql(
            f"CREATE FUNCTION check_{domain}(given text) RETURNS boolean LANGUAGE plpgsql AS $$ "
            f"BEGIN PERFORM given::{domain}; RETURN true; EXCEPTION WHEN check_violation THEN RETURN false; END $$"
        )
    agree()
