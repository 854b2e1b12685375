"""What the API's description says of the typed fields, their borders, and the codes of their complaints."""

from __future__ import annotations

import pytest
from marshmallow import RAISE, Schema, ValidationError
from marshmallow import fields as plain

from service.cardguard import fields, formats
from service.errors import Code
from tests.cardguard.shapes import DIGITS, LOWER, Shape, judged

DESCRIBED = {
    fields.Account: {"pattern": "^[A-Za-z0-9_-]{1,64}$", "maxLength": 64, "minLength": 1},
    fields.PlanName: {"pattern": "^[a-z]{1,30}$"},
    fields.PersonName: {"maxLength": 100, "minLength": 1},
    fields.Email: {"pattern": f"^{formats.EMAIL}$", "maxLength": 200, "minLength": 1},
    fields.Country: {"pattern": "^[A-Za-z]{2}$"},
    fields.State: {"pattern": "^[A-Z]{2}$"},
    fields.Zip: {"pattern": f"^{formats.ZIP}$"},
    fields.ProviderRef: {"pattern": "^[0-9]{1,12}$"},
    fields.FeedCursor: {"pattern": f"^{formats.CURSOR}$"},
    fields.Actor: {"pattern": f"^{formats.ACTOR}$"},
    fields.ActName: {"pattern": f"^{formats.WORD}$"},
    fields.ChargeCursor: {"pattern": f"^{formats.CHARGE_ID}$"},
    fields.GrantCursor: {"pattern": f"^{formats.GRANT_ID}$"},
    fields.Ticket: {"pattern": f"^{formats.TICKET}$"},
    fields.MomentOf: {"pattern": f"^{formats.MOMENT}$"},
    fields.Amount: {"pattern": f"^{formats.AMOUNT}$"},
    fields.CurrencyCode: {"pattern": "^[A-Z]{3}$"},
    fields.FraudSession: {"pattern": "^[0-9A-Za-z]{1,32}$"},
    fields.ClientAddress: {"maxLength": 45, "minLength": 1, "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]},
}


def accepts(field):
    def taken(value):
        try:
            return field.deserialize(value) == value
        except ValidationError:
            return False

    return taken


def complaints(schema, document):
    with pytest.raises(ValidationError) as told:
        schema.load(document)
    return told.value.messages


@pytest.mark.parametrize("field", DESCRIBED)
def test_field_is_described_by_its_pattern_and_its_length(field):
    assert field().metadata == DESCRIBED[field]
    assert field(required=True).required


def test_every_exact_field_is_described_here():
    declared = {item for item in vars(fields).values() if isinstance(item, type) and issubclass(item, fields.Exact)}
    assert declared - {fields.Exact, fields.CursorOf} == set(DESCRIBED)


def test_description_of_a_field_is_added_to_and_can_be_replaced():
    field = fields.PlanName(metadata={"example": "team", "pattern": "^team$"})
    assert field.metadata == {"pattern": "^team$", "example": "team"}


def test_numbers_and_truths_are_described_too():
    number = fields.WholeNumber(1, 100, Code.MEMBERS_OUT_OF_RANGE, required=True)
    assert number.metadata == {"minimum": 1, "maximum": 100, "format": "int32"}
    assert number.required
    truth = fields.Truth(load_default=False, metadata={"example": True})
    assert (truth.load_default, truth.metadata) == (False, {"example": True})


class Inner(Schema):
    error_messages = fields.MESSAGES

    class Meta:
        unknown = RAISE

    needed = fields.PlanName(required=True)
    truth = fields.Truth()
    number = fields.WholeNumber(1, 2, Code.MEMBERS_OUT_OF_RANGE)
    text = plain.String(error_messages=fields.MESSAGES)


class Outer(Schema):
    error_messages = fields.MESSAGES

    inner = plain.Nested(Inner, error_messages=fields.MESSAGES)


def test_complaints_are_codes_wherever_they_come_from():
    missing, malformed, unknown = (
        code.value for code in (Code.FIELD_MISSING, Code.FIELD_MALFORMED, Code.FIELD_UNKNOWN)
    )
    assert complaints(Inner(), {}) == {"needed": [missing]}
    nulls = dict.fromkeys(("needed", "truth", "number", "text"))
    assert complaints(Inner(), nulls) == {name: [malformed] for name in nulls}
    assert complaints(Inner(), {"needed": "team", "other": 1}) == {"other": [unknown]}
    assert complaints(Inner(), []) == {"_schema": [malformed]}
    assert complaints(Inner(), {"needed": "team", "text": 7}) == {"text": [malformed]}
    assert complaints(Inner(), {"needed": "team", "truth": 1}) == {"truth": [malformed]}
    assert complaints(Inner(), {"needed": "team", "number": 3}) == {"number": [Code.MEMBERS_OUT_OF_RANGE.value]}
    assert complaints(Outer(), {"inner": 7}) == {"inner": {"_schema": [malformed]}}


def test_name_of_a_plan_has_up_to_thirty_small_letters():
    assert judged(accepts(fields.PlanName()), Shape((LOWER, 1, 30))) == ([], [])


def test_address_of_mail_has_at_most_two_hundred_signs():
    head = "x" * 64 + "@" + "y" * 63 + "." + "z" * 63 + "."
    assert accepts(fields.Email())(head + "a" * 7)
    assert not accepts(fields.Email())(head + "a" * 8)
    assert accepts(fields.Email())(f"{'1' * 12}@example.org")
    assert not accepts(fields.Email())(f"{'1' * 12}@example1.org")


def test_client_address_may_be_as_long_as_addresses_get():
    longest = "0000:0000:0000:0000:0000:ffff:255.255.255.255"
    assert len(longest) == 45
    assert accepts(fields.ClientAddress())(longest)
    assert not accepts(fields.ClientAddress())(longest + "0")


QUERY = fields.QueryNumber(0, 10**12, Code.MEMBERS_OUT_OF_RANGE)


def test_number_in_a_query_is_of_decimal_digits_alone():
    def as_text(value):
        try:
            return str(QUERY.deserialize(value)) == value
        except ValidationError:
            return False

    shapes = [Shape("0", beside=DIGITS), Shape(("123456789", 1), (DIGITS, 0, 8), beside="0")]
    assert judged(as_text, *shapes) == ([], [])


@pytest.mark.parametrize(
    "value", [5, "05", "00", "+5", "-5", " 5", "5 ", "5.0", "1e1", "5_0", "\uff15", "", "1234567890", True, ["5"]]
)
def test_number_in_a_query_is_no_other_text_and_no_number(value):
    with pytest.raises(ValidationError) as told:
        QUERY.deserialize(value)
    assert told.value.messages == [Code.MEMBERS_OUT_OF_RANGE.value]


def test_number_in_a_query_keeps_its_bounds():
    field = fields.QueryNumber(1, 100, Code.MEMBERS_OUT_OF_RANGE)
    assert [field.deserialize(value) for value in ("1", "100")] == [1, 100]
    for value in ("0", "101"):
        with pytest.raises(ValidationError):
            field.deserialize(value)
