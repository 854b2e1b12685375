"""Every failure we name, with a stable code. Knows nothing of HTTP, Flask or BlueSnap's words, and never carries a value that was sent to us.

PanlessError
├── SettingsError         the process must not start
├── Refusal               a caller is told no, with a Code
├── ArchiveError          a piece cannot be written, or read
│   ├── ArchiveAway       the archive does not answer, or not as it should; what was put may be there
│   ├── ArchiveConflict   something else has the name
│   └── ArchiveMissing    nothing has the name
└── BlueSnapError         how a call to BlueSnap ended, by what may have happened there
    ├── NeverSent         provably never left this machine; may be made again
    ├── RetryLater        definitely not processed; may be repeated with the same key
    ├── Unknown           it may have happened; look before doing anything else
    ├── Declined          definitely not charged: the card was refused
    ├── FieldsRefused     definitely not processed: the payment-fields token is no use
    ├── Rejected          definitely not processed: BlueSnap did not like the request
    ├── Misconfigured     definitely not processed: credentials, rights or account set-up
    └── NotFound          a look-up found nothing; for BlueSnap this is no proof of absence
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Code(enum.StrEnum):
    """What a caller may branch on. Codes are never renamed and never reused."""

    # who is asking
    CREDENTIALS_MISSING = "credentials_missing"
    CREDENTIALS_MALFORMED = "credentials_malformed"
    KEY_UNKNOWN = "key_unknown"
    KEY_REVOKED = "key_revoked"
    KEY_ENDED = "key_ended"
    SCOPE_MISSING = "scope_missing"
    IDENTITY_INVALID = "identity_invalid"
    IDENTITY_EXPIRED = "identity_expired"
    SECOND_FACTOR_MISSING = "second_factor_missing"
    PERSON_UNKNOWN = "person_unknown"
    PERSON_LEFT = "person_left"
    CLIENT_SECRET_WRONG = "client_secret_wrong"
    CLIENT_SECRET_EXPIRED = "client_secret_expired"
    SESSION_FOREIGN = "session_foreign"
    # what is asked
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    BODY_TOO_LARGE = "body_too_large"
    BODY_MALFORMED = "body_malformed"
    DUPLICATE_KEY = "duplicate_key"
    REQUEST_MALFORMED = "request_malformed"
    CARD_DATA_REFUSED = "card_data_refused"
    VALIDATION_FAILED = "validation_failed"
    FIELD_UNKNOWN = "field_unknown"
    FIELD_MISSING = "field_missing"
    FIELD_MALFORMED = "field_malformed"
    ACCOUNT_MALFORMED = "account_malformed"
    PLAN_UNKNOWN = "plan_unknown"
    MEMBERS_OUT_OF_RANGE = "members_out_of_range"
    FIELD_NOT_ALLOWED = "field_not_allowed"
    AMOUNT_MALFORMED = "amount_malformed"
    CURRENCY_WRONG = "currency_wrong"
    CURSOR_MALFORMED = "cursor_malformed"
    MOMENT_MALFORMED = "moment_malformed"
    MOMENT_IN_FUTURE = "moment_in_future"
    THREE_D_SECURE_REQUIRED = "three_d_secure_required"
    IDEMPOTENCY_KEY_MISSING = "idempotency_key_missing"
    IDEMPOTENCY_KEY_MALFORMED = "idempotency_key_malformed"
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    IDEMPOTENCY_KEY_IN_PROGRESS = "idempotency_key_in_progress"
    # what stands in the way
    SESSION_NOT_FOUND = "session_not_found"
    SESSION_EXPIRED = "session_expired"
    SESSION_FAILED = "session_failed"
    SESSION_COMPLETE = "session_complete"
    SUBSCRIPTION_EXISTS = "subscription_exists"
    SIGNUP_UNDECIDED = "signup_undecided"
    SUBSCRIPTION_NOT_FOUND = "subscription_not_found"
    SUBSCRIPTION_CHANGED = "subscription_changed"
    SUBSCRIPTION_CANCELED = "subscription_canceled"
    SUBSCRIPTION_DISPUTED = "subscription_disputed"
    CHARGE_NOT_FOUND = "charge_not_found"
    CHARGE_DISPUTED = "charge_disputed"
    REFUND_ABOVE_REMAINDER = "refund_above_remainder"
    REFUND_REFUSED = "refund_refused"
    CARD_NOT_FOUND = "card_not_found"
    CARDS_ALIKE = "cards_alike"
    GRANT_NOT_FOUND = "grant_not_found"
    GRANT_NOT_OPEN = "grant_not_open"
    SECOND_PERSON_NEEDED = "second_person_needed"
    GRANT_MISSING = "grant_missing"
    VERSION_WRONG = "version_wrong"
    IF_MATCH_MALFORMED = "if_match_malformed"
    TOO_MANY_ATTEMPTS = "too_many_attempts"
    # what the card or BlueSnap said
    CARD_DECLINED = "card_declined"
    PAYMENT_FIELDS_TOKEN_EXPIRED = "payment_fields_token_expired"
    PAYMENT_FIELDS_TOKEN_NOT_FOUND = "payment_fields_token_not_found"
    PAYMENT_FIELDS_TOKEN_EMPTY = "payment_fields_token_empty"
    DETAILS_REFUSED = "details_refused"
    BLUESNAP_UNREACHABLE = "bluesnap_unreachable"
    BLUESNAP_BUSY = "bluesnap_busy"
    BLUESNAP_FAILED = "bluesnap_failed"
    BLUESNAP_MISCONFIGURED = "bluesnap_misconfigured"
    # notices
    SIGNATURE_INVALID = "signature_invalid"
    # us
    IDENTITY_UNAVAILABLE = "identity_unavailable"
    JOURNAL_UNPROVEN = "journal_unproven"
    OVERLOADED = "overloaded"
    CLIENT_GONE = "client_gone"
    NOT_READY = "not_ready"
    INTERNAL_ERROR = "internal_error"


class DeclineReason(enum.StrEnum):
    """Why a card was refused, in our closed list (DESIGN section 6). Only the platform sees it; the page sees an Advice."""

    INSUFFICIENT_FUNDS = "insufficient_funds"
    CARD_EXPIRED = "card_expired"
    INCORRECT_DETAILS = "incorrect_details"
    CALL_ISSUER = "call_issuer"
    AUTHENTICATION_REQUIRED = "authentication_required"
    REFUSED = "refused"


class Advice(enum.StrEnum):
    """All that the page, and so a card tester behind it, learns of a decline."""

    DECLINED = "declined"
    TRY_ANOTHER_CARD = "try_another_card"
    AUTHENTICATION_REQUIRED = "authentication_required"


class PanlessError(Exception):
    """The root of everything we raise on purpose."""


class SettingsError(PanlessError):
    """A setting is missing or wrong. The text names settings, never their values."""


@dataclass(frozen=True)
class FieldError:
    """One bad field: an RFC 6901 pointer made of our own field names only, and a code."""

    pointer: str
    code: Code


class Refusal(PanlessError):
    """A caller is told no. `retry_after` is in whole seconds; `reason` is a word from one of our closed lists; `version` the subscription's, now."""

    def __init__(
        self,
        code: Code,
        *,
        retry_after: int | None = None,
        reason: Advice | DeclineReason | None = None,
        errors: tuple[FieldError, ...] = (),
        version: int | None = None,
    ) -> None:
        super().__init__(code.value)
        self.version = version
        self.code = code
        self.retry_after = retry_after
        self.reason = reason
        self.errors = errors


class ArchiveError(PanlessError):
    """The text is the name of the piece, or the kind of the error; never what it holds, nor the archive's address."""


class ArchiveAway(ArchiveError):
    """It does not answer, refuses us, or is full. What was put may be there all the same; to put it again does no harm."""


class ArchiveConflict(ArchiveError):
    """The name holds something else, which stays."""


class ArchiveMissing(ArchiveError):
    """Nothing has that name."""


class BlueSnapError(PanlessError):
    """How a call ended. `cause` is a word of ours from a closed list (it is logged and counted); `status` the HTTP status if there was one.

    Never holds a header, a body, a description, a URL or an exception of the HTTP library (raise it `from None`).
    """

    def __init__(self, cause: str, *, status: int | None = None) -> None:
        super().__init__(cause)
        self.cause = cause
        self.status = status


class NeverSent(BlueSnapError):
    """Refused connection, unknown host, failed TLS handshake: not one byte of the request left."""


class RetryLater(BlueSnapError):
    """429, 423, or a running idempotency key: not processed, the same key may be sent again later."""


class Unknown(BlueSnapError):
    """Time-out, reset, any 5xx, an unreadable answer, or a 400 that says the processing broke. Never to be taken for a failure."""


class Declined(BlueSnapError):
    """The card was refused. `hard` means that this card must not be tried again."""

    def __init__(self, cause: str, reason: DeclineReason, *, hard: bool, status: int | None = None) -> None:
        super().__init__(cause, status=status)
        self.reason = reason
        self.hard = hard


class FieldsRefused(BlueSnapError):
    """The payment-fields token is expired, unknown or spent, or was never filled; `code` says which."""

    def __init__(self, cause: str, code: Code, *, status: int | None = None) -> None:
        super().__init__(cause, status=status)
        self.code = code


class Rejected(BlueSnapError):
    """Any other definite 400: validation, a malicious-content filter, a state that forbids it."""


class Misconfigured(BlueSnapError):
    """401, a missing right, a wrong version, no processor: an operator must act."""


class NotFound(BlueSnapError):
    """403, 404 or 90009 on a read, or on a change of a named thing, which was then not made.

    Not there, not ours, or no right: these cannot be told apart (bluesnap/variants.md section 1).
    """
