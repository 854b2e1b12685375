"""The words that say why a call to BlueSnap did not simply succeed. All of them are ours; none repeats what BlueSnap said."""

from __future__ import annotations

import enum


class Cause(enum.StrEnum):
    """Every word that the `cause` of a BlueSnapError can be. Logged and counted; none of them comes from BlueSnap."""

    # NeverSent
    NO_SUCH_HOST = "no_such_host"
    CONNECTION_REFUSED = "connection_refused"
    CONNECT_TIMED_OUT = "connect_timed_out"
    TLS_FAILED = "tls_failed"
    CERTIFICATE_REFUSED = "certificate_refused"
    NO_TIME_LEFT = "no_time_left"
    # Unknown
    READ_TIMED_OUT = "read_timed_out"
    DEADLINE_PASSED = "deadline_passed"
    CONNECTION_BROKEN = "connection_broken"
    ANSWER_TOO_LARGE = "answer_too_large"
    UNREADABLE_ANSWER = "unreadable_answer"
    ENDLESS_LIST = "endless_list"
    ANOTHERS_ANSWER = "anothers_answer"
    REDIRECT = "redirect"
    SERVER_ERROR = "server_error"
    UNEXPECTED_STATUS = "unexpected_status"
    UNEXPECTED_REFUSAL = "unexpected_refusal"
    PROCESSING_BROKE = "processing_broke"
    # RetryLater
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    KEY_IN_PROGRESS = "key_in_progress"
    # Declined
    DECLINED = "declined"
    FRAUD_SUSPECTED = "fraud_suspected"
    AUTHENTICATION_REQUIRED = "authentication_required"
    # FieldsRefused
    FIELDS_EXPIRED = "fields_expired"
    FIELDS_NOT_FOUND = "fields_not_found"
    FIELDS_EMPTY = "fields_empty"
    # Rejected
    INVALID_REQUEST = "invalid_request"
    MALICIOUS_CONTENT = "malicious_content"
    KEY_REUSED = "key_reused"
    WRONG_METHOD = "wrong_method"
    ALREADY_REFUNDED = "already_refunded"
    REFUND_AMOUNT = "refund_amount"
    REFUND_RUNNING = "refund_running"
    NOT_REFUNDABLE = "not_refundable"
    BALANCE_TOO_LOW = "balance_too_low"
    SUBSCRIPTION_CANCELED = "subscription_canceled"
    CARD_AMBIGUOUS = "card_ambiguous"
    SHOPPER_NEEDED = "shopper_needed"
    # Misconfigured
    CREDENTIALS_REFUSED = "credentials_refused"
    FORBIDDEN = "forbidden"
    BLOCKED = "blocked"
    NO_SUCH_PATH = "no_such_path"
    ACCOUNT_SETUP = "account_setup"
    # NotFound
    NOT_FOUND = "not_found"


#: The six that prove that not one byte of the request left.
NEVER_SENT = frozenset({
    Cause.NO_SUCH_HOST, Cause.CONNECTION_REFUSED, Cause.CONNECT_TIMED_OUT, Cause.TLS_FAILED, Cause.CERTIFICATE_REFUSED,
    Cause.NO_TIME_LEFT,
})  # fmt: skip
