"""The database's own guard: a DOMAIN for every text, json and bytea column, so that a card-shaped value cannot be stored even by hand.

A DOMAIN and not a column CHECK: a CHECK that refuses a row writes the row, and so the number, into the server's log (specs on security, 5.4).
The names and bodies here are what migrations 0001, 0005, 0008 and 0010 made; a test compares them with the database.
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy.types import UserDefinedType

from service.cardguard import formats


def _budget(pattern: str, *, unless: str | None = None) -> str:
    poor = f"length(regexp_replace(VALUE, '[^0-9]', '', 'g')) <= {formats.DIGIT_BUDGET}"
    return f"VALUE ~ '^{pattern}$' AND " + (f"({poor} OR VALUE ~* '^{unless}$')" if unless else poor)


#: Random bytes hold no thirteen ASCII digits with one other sign at most between them; those that somebody writes by hand may.
_NO_DIGITS = r"encode(VALUE, 'escape') !~ '([0-9][^0-9\\]?){13}'"

#: Name of the domain: (its base type, its check).
DOMAINS: dict[str, tuple[str, str]] = {
    "our_id": ("text", f"VALUE ~ '^{formats.OUR_ID}$'"),
    "account_ref": ("text", _budget(formats.ACCOUNT, unless=formats.UUID)),
    "provider_ref": ("text", f"VALUE ~ '^{formats.PROVIDER_REF}$'"),
    "word": ("text", f"VALUE ~ '^{formats.WORD}$'"),
    "provider_word": ("text", f"VALUE ~ '^{formats.PROVIDER_WORD}$'"),
    "scope_word": ("text", f"VALUE ~ '^{formats.SCOPE}$'"),
    "currency_code": ("text", f"VALUE ~ '^{formats.CURRENCY}$'"),
    "key_name": ("text", _budget(formats.KEY_NAME)),
    "actor_ref": ("text", f"VALUE ~ '^{formats.ACTOR}$'"),
    "ticket_ref": ("text", f"VALUE ~ '^{formats.TICKET}$'"),
    "fraud_ref": ("text", _budget(formats.FRAUD_SESSION, unless=formats.HEX_32)),
    "secret_id": ("text", f"VALUE ~ '^{formats.SECRET_ID}$'"),
    "digest": ("bytea", f"octet_length(VALUE) = 32 AND {_NO_DIGITS}"),
    "signature": ("bytea", f"octet_length(VALUE) = 64 AND {_NO_DIGITS}"),
    "sealed": ("bytea", f"octet_length(VALUE) BETWEEN 37 AND 2400 AND {_NO_DIGITS}"),
    "image": ("jsonb", "card_free(VALUE)"),
}

_DIGITS = "length({0}) - length(translate({0}, '0123456789', ''))"
#: What a json document of ours may hold: short ASCII texts poor in digits, or a UUID or a UTC time; numbers as poor in digits; our kind of names.
#: Lengths are counted and not matched: bounded repetitions made it six times as slow, and every entry and version goes through it.
CARD_FREE = rf"""
CREATE FUNCTION card_free(document jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT NOT EXISTS (
    SELECT FROM jsonb_path_query(document, 'strict $.**') AS node
    WHERE CASE jsonb_typeof(node)
      WHEN 'string' THEN length(node #>> '{{}}') > 200 OR (node #>> '{{}}') ~ '[^ -~]'
        OR ({_DIGITS.format("node #>> '{}'")} > {formats.DIGIT_BUDGET}
            AND (node #>> '{{}}') !~* '^{formats.UUID}$'
            AND (node #>> '{{}}') !~ '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}([.][0-9]{{1,6}})?Z$')
      WHEN 'number' THEN {_DIGITS.format("node::text")} > {formats.DIGIT_BUDGET}
      WHEN 'object' THEN EXISTS (SELECT FROM jsonb_object_keys(node) AS name WHERE length(name) > 41 OR name !~ '^[a-z][a-z_]*$')
      ELSE false
    END)
$$
"""


class Domain(UserDefinedType[Any]):
    """A column of one of our domains. Values are bound on the server, without a cast, so that a refusal names the domain alone."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_json = DOMAINS[name][0] == "jsonb"

    def get_col_spec(self, **_: Any) -> str:
        """The type's name in DDL."""
        return self.name

    def bind_processor(self, dialect: Any) -> Any:  # noqa: ARG002
        """Documents go out as json text; everything else as it is."""
        return (lambda value: None if value is None else json.dumps(value)) if self.is_json else None
