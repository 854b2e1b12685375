"""The exact formats of every value that we keep or pass on. Each is too narrow for a card number; none may be loosened without the leak suite.

Patterns are plain ASCII (valid as ECMA-262 and as PostgreSQL expressions alike) and are always matched whole, never searched.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime

#: Twenty consonants: our ids hold no digit, so they cannot look like a card number, and no vowel, so they spell nothing.
ALPHABET = "bcdfghjklmnpqrstvwxz"
ID_LENGTH = 30
#: No card number has fewer than 13 digits (ISO/IEC 7812-1 allows 8 to 19; the brands we take have 13 to 19).
DIGIT_BUDGET = 12

#: How far a reader has come in the feed of entries: two numbers, each as fifteen letters of base 20 of which the first is one of five.
#: So a number is below 5 * 20^14, which no counter reaches, and the database, which compares below 2^63, can compare it.
CURSOR_LENGTH = 15
CURSOR = rf"([{ALPHABET[:5]}][{ALPHABET}]{{{CURSOR_LENGTH - 1}}}){{2}}"
OUR_ID = rf"[a-z]{{2,4}}_[{ALPHABET}]{{{ID_LENGTH}}}"
CHARGE_ID = rf"ch_[{ALPHABET}]{{{ID_LENGTH}}}"
ACCOUNT = r"[A-Za-z0-9_-]{1,64}"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
PROVIDER_REF = r"[0-9]{1,12}"
WORD = r"[a-z][a-z_.]{0,62}"
PROVIDER_WORD = r"[A-Z][A-Z_]{0,62}"
#: What an API key may be allowed to do (DESIGN section 6). Scopes of later doors are added with their doors.
SCOPES = ("checkout:write", "checkout:read", "accounts:read", "accounts:write", "refunds:write", "entries:read")
#: What people look over again and again (store/reviews.py).
REVIEWS = ("rights", "people_and_keys")
#: What a person may be allowed to do, and no key ever.
PERSON_SCOPES = ("grants:request", "grants:approve", "support:read", "audit:read")
#: Days for which a key is good: where nobody says it, and at most.
KEY_DAYS, MOST_KEY_DAYS = 365, 730
SCOPE = r"[a-z]{2,20}:[a-z]{2,20}"
CURRENCY = r"[A-Z]{3}"
#: A moment of RFC 3339 that can be, with its zone; no card number has these years, months and hours.
MOMENT = (
    r"(20|21)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?"
    r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
)
#: The id of one of PANLESS_SECRET_KEYS.
SECRET_ID = r"[A-Za-z]{1,8}"
#: Money in major units, with at most twelve digits.
AMOUNT = r"(0|[1-9][0-9]{0,8})(\.[0-9]{1,3})?"
#: What a grant is for, as support's own system names it: SUP-1234.
TICKET = r"[A-Z]{2,10}-[0-9]{1,8}"
#: Why somebody in support may have to see an account; the ticket says the rest.
PURPOSES = (
    "billing_question", "payment_problem", "refund_or_dispute", "account_recovery", "security_incident", "legal_request",
)  # fmt: skip
GRANT_ID = rf"gr_[{ALPHABET}]{{{ID_LENGTH}}}"
KEY_NAME = r"[A-Za-z0-9 ._-]{1,64}"
#: A database login with a few digits in one place; and who acts: one of these, or whoever changed something in the database by hand.
LOGIN = r"[a-z_]{1,24}([0-9]{1,6}[a-z_]{0,24})?"
ACTOR = rf"((key|session|worker|bluesnap|operator|person)(:{OUR_ID})?|login:{LOGIN})"
FRAUD_SESSION = r"[0-9A-Za-z]{1,32}"
HEX_32 = r"[0-9a-f]{32}"
IDEMPOTENCY_KEY = r"[0-9A-Fa-f]{8}-?[0-9A-Fa-f]{4}-?[0-9A-Fa-f]{4}-?[0-9A-Fa-f]{4}-?[0-9A-Fa-f]{12}"
API_KEY = r"pk_(simulator|sandbox|production)_[A-Za-z0-9_-]{43}"
CLIENT_SECRET = rf"pcs_[{ALPHABET}]{{{ID_LENGTH}}}_[A-Za-z0-9_-]{{43}}"
#: A person's identity as the issuer signs it (RFC 7519): two JSON objects and a signature, each in base64 without its end.
IDENTITY = r"eyJ[A-Za-z0-9_-]{10,700}\.eyJ[A-Za-z0-9_-]{10,6000}\.[A-Za-z0-9_-]{43,1024}"
COUNTRY = r"[A-Za-z]{2}"
STATE = r"[A-Z]{2}"
ZIP = r"[A-Za-z0-9][A-Za-z0-9 -]{0,15}"
EMAIL = r"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){1,6}"
NAME_LENGTH = 100
NAME_MARKS = " '\u2019.,-"  # U+2019 is the apostrophe that phones type


def matches(pattern: str, value: str) -> bool:
    """Whether the whole of `value` has this format."""
    return re.fullmatch(pattern, value, re.ASCII) is not None


def digits(value: str) -> int:
    """How many characters of `value` are digits of any script."""
    return sum(character.isdigit() for character in value)


def within_budget(value: str) -> bool:
    """Whether `value` has too few digits to hold a card number, in whatever script, once compatibility forms are folded."""
    return digits(unicodedata.normalize("NFKC", value)) <= DIGIT_BUDGET


def is_account(value: str) -> bool:
    """An account's name at the platform: short, plain, and poor in digits unless it is a UUID."""
    return matches(ACCOUNT, value) and (within_budget(value) or matches(UUID, value.lower()))


def moment(value: str) -> datetime | None:
    """The moment that is written so (`MOMENT`), if there is such a day."""
    if not matches(MOMENT, value):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def is_fraud_session(value: str) -> bool:
    """The id of BlueSnap's device-data session (bluesnap/hosted-fields.md section 6): 32 hex digits, or anything shorter that is poor in digits."""
    return matches(FRAUD_SESSION, value) and (within_budget(value) or matches(HEX_32, value.lower()))


def is_person_name(value: str) -> bool:
    """Letters and marks of any script, blanks and a few signs; digits are rare in names and never enough for a card number."""
    return (
        0 < len(value.strip()) <= len(value) <= NAME_LENGTH
        and within_budget(value)
        and all(
            unicodedata.category(character)[0] in "LM" or character.isdecimal() or character in NAME_MARKS
            for character in value
        )
    )
