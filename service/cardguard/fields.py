"""Typed schema fields. There is no free text: every field is an enumeration, a format of our own, a bounded number or a person's name.

A field's error is a code and never quotes what was sent.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

from marshmallow import ValidationError, fields

from service.cardguard import formats
from service.errors import Code

MESSAGES: dict[str, Any] = {
    "required": Code.FIELD_MISSING.value,
    "null": Code.FIELD_MALFORMED.value,
    "type": Code.FIELD_MALFORMED.value,
    "invalid": Code.FIELD_MALFORMED.value,
    "unknown": Code.FIELD_UNKNOWN.value,
}


class Exact(fields.String):
    """Text that `check` accepts whole. `pattern` is for the API's description, where one says it all."""

    check: Callable[[str], bool]
    code = Code.FIELD_MALFORMED
    pattern: str | None = None
    max_length: int | None = None

    def __init__(self, **options: Any) -> None:
        described: dict[str, Any] = {"pattern": f"^{self.pattern}$"} if self.pattern else {}
        described |= {"maxLength": self.max_length, "minLength": 1} if self.max_length else {}
        metadata = {**described, **options.pop("metadata", {})}
        super().__init__(error_messages=MESSAGES, metadata=metadata, **options)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if not isinstance(value, str) or not type(self).check(value):
            raise ValidationError(self.code.value)
        return value


class Account(Exact):
    """The platform's name for an account: `[A-Za-z0-9_-]{1,64}` with at most 12 digits, or a UUID."""

    check = staticmethod(formats.is_account)
    code = Code.ACCOUNT_MALFORMED
    pattern = formats.ACCOUNT
    max_length = 64


class PlanName(Exact):
    """A plan of the catalogue; whether there is one of this name is the catalogue's to say."""

    check = staticmethod(lambda value: formats.matches(r"[a-z]{1,30}", value))
    code = Code.PLAN_UNKNOWN
    pattern = "[a-z]{1,30}"


class PersonName(Exact):
    """A first or last name, in any script."""

    check = staticmethod(formats.is_person_name)
    max_length = formats.NAME_LENGTH


class Email(Exact):
    """An address such as people have."""

    check = staticmethod(
        lambda value: len(value) <= 200 and formats.matches(formats.EMAIL, value) and formats.within_budget(value)
    )
    pattern = formats.EMAIL
    max_length = 200


class Country(Exact):
    """ISO 3166-1 alpha-2, in either case."""

    check = staticmethod(lambda value: formats.matches(formats.COUNTRY, value))
    pattern = formats.COUNTRY


class State(Exact):
    """Two letters; for the United States and Canada (bluesnap/api.md section 6)."""

    check = staticmethod(lambda value: formats.matches(formats.STATE, value))
    pattern = formats.STATE


class Zip(Exact):
    """A postal code."""

    check = staticmethod(lambda value: formats.matches(formats.ZIP, value) and formats.within_budget(value))
    pattern = formats.ZIP


class ProviderRef(Exact):
    """A number of BlueSnap's: at most 12 digits."""

    check = staticmethod(lambda value: formats.matches(formats.PROVIDER_REF, value))
    pattern = formats.PROVIDER_REF


class CursorOf(Exact):
    """A place in a list, as the list itself has named it: by its own pattern."""

    code = Code.CURSOR_MALFORMED

    @classmethod
    def check(cls, value: str) -> bool:
        """Whether it is such a place."""
        return cls.pattern is not None and formats.matches(cls.pattern, value)


class FeedCursor(CursorOf):
    """A place in the feed of entries, as the feed itself has named it."""

    pattern = formats.CURSOR


class Actor(Exact):
    """Who acts, as the journal writes it."""

    check = staticmethod(lambda value: formats.matches(formats.ACTOR, value))
    pattern = formats.ACTOR


class ActName(Exact):
    """What is done, as the journal names it; whether anybody does it is the journal's to say."""

    check = staticmethod(lambda value: formats.matches(formats.WORD, value))
    pattern = formats.WORD


class ChargeCursor(CursorOf):
    """The charge after which a page of charges begins, as the page before has named it."""

    pattern = formats.CHARGE_ID


class Ticket(Exact):
    """A case in support's own system: letters, a hyphen, eight digits at most."""

    check = staticmethod(lambda value: formats.matches(formats.TICKET, value))
    pattern = formats.TICKET


class GrantCursor(CursorOf):
    """The grant after which a page of grants begins, as the page before has named it."""

    pattern = formats.GRANT_ID


class MomentOf(Exact):
    """A moment of RFC 3339 with its zone."""

    check = staticmethod(lambda value: formats.moment(value) is not None)
    code = Code.MOMENT_MALFORMED
    pattern = formats.MOMENT

    def _deserialize(self, value: Any, *arguments: Any, **options: Any) -> Any:
        return formats.moment(super()._deserialize(value, *arguments, **options))


class Amount(Exact):
    """Money in major units as text: no sign, no exponent, no needless zero before it. How many decimals it must have its currency says."""

    check = staticmethod(lambda value: formats.matches(formats.AMOUNT, value))
    code = Code.AMOUNT_MALFORMED
    pattern = formats.AMOUNT


class CurrencyCode(Exact):
    """ISO 4217, in capitals."""

    check = staticmethod(lambda value: formats.matches(formats.CURRENCY, value))
    code = Code.CURRENCY_WRONG
    pattern = formats.CURRENCY


class FraudSession(Exact):
    """The id of BlueSnap's device-data session (bluesnap/hosted-fields.md section 6)."""

    check = staticmethod(formats.is_fraud_session)
    pattern = formats.FRAUD_SESSION


def _is_address(value: str) -> bool:
    try:
        return len(value) <= 45 and "%" not in value and bool(ipaddress.ip_address(value))
    except ValueError:
        return False


class ClientAddress(Exact):
    """An IPv4 or IPv6 address."""

    check = staticmethod(_is_address)
    max_length = 45

    def __init__(self, **options: Any) -> None:
        super().__init__(metadata={"anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}, **options)


class Truth(fields.Boolean):
    """A JSON boolean; no text, no number."""

    def __init__(self, **options: Any) -> None:
        super().__init__(error_messages=MESSAGES, **options)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError(Code.FIELD_MALFORMED.value)
        return value


class WholeNumber(fields.Integer):
    """A JSON integer within bounds; no text, no float, no boolean."""

    def __init__(self, low: int, high: int, code: Code, **options: Any) -> None:
        self.low, self.high, self.code = low, high, code
        super().__init__(
            error_messages=MESSAGES,
            metadata={"minimum": low, "maximum": high, "format": "int32", **options.pop("metadata", {})},
            **options,
        )

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if type(value) is not int or not self.low <= value <= self.high:
            raise ValidationError(self.code.value)
        return value


class QueryNumber(WholeNumber):
    """The same in a query, where everything is text: decimal digits without a sign, a blank or a leading zero."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if not isinstance(value, str) or not formats.matches(r"0|[1-9][0-9]{0,8}", value):
            raise ValidationError(self.code.value)
        return super()._deserialize(int(value))
