"""The table from BlueSnap's error names and codes to how a call ended (bluesnap/errors.md sections 3 to 5). Data; it decides nothing by itself."""

from __future__ import annotations

from dataclasses import dataclass

from service.bluesnap.causes import Cause
from service.errors import (
    BlueSnapError,
    Code,
    Declined,
    DeclineReason,
    FieldsRefused,
    Misconfigured,
    NotFound,
    Rejected,
    RetryLater,
    Unknown,
)


@dataclass(frozen=True)
class Verdict:
    """One line of the table: the class, the cause and, where the class has them, the reason, its hardness or the code."""

    error: type[BlueSnapError]
    cause: Cause
    reason: DeclineReason = DeclineReason.REFUSED
    hard: bool = False
    code: Code = Code.PAYMENT_FIELDS_TOKEN_NOT_FOUND

    def as_error(self, status: int | None) -> BlueSnapError:
        """The exception to raise; it holds words of ours and the status, nothing else."""
        if self.error is Declined:
            return Declined(self.cause, self.reason, hard=self.hard, status=status)
        if self.error is FieldsRefused:
            return FieldsRefused(self.cause, self.code, status=status)
        return self.error(self.cause, status=status)


def _declined(reason: DeclineReason, *, hard: bool = False) -> Verdict:
    return Verdict(Declined, Cause.DECLINED, reason, hard)


BROKE = Verdict(Unknown, Cause.PROCESSING_BROKE)
INVALID = Verdict(Rejected, Cause.INVALID_REQUEST)
_MALICIOUS = Verdict(Rejected, Cause.MALICIOUS_CONTENT)
_KEY_REUSED = Verdict(Rejected, Cause.KEY_REUSED)
_ALREADY_REFUNDED = Verdict(Rejected, Cause.ALREADY_REFUNDED)
_REFUND_AMOUNT = Verdict(Rejected, Cause.REFUND_AMOUNT)
_REFUND_RUNNING = Verdict(Rejected, Cause.REFUND_RUNNING)
_NOT_REFUNDABLE = Verdict(Rejected, Cause.NOT_REFUNDABLE)
_BALANCE_TOO_LOW = Verdict(Rejected, Cause.BALANCE_TOO_LOW)
_CANCELED = Verdict(Rejected, Cause.SUBSCRIPTION_CANCELED)
_AMBIGUOUS = Verdict(Rejected, Cause.CARD_AMBIGUOUS)
_NEEDED = Verdict(Rejected, Cause.SHOPPER_NEEDED)
SETUP = Verdict(Misconfigured, Cause.ACCOUNT_SETUP)
FORBIDDEN = Verdict(Misconfigured, Cause.FORBIDDEN)
_FRAUD = Verdict(Declined, Cause.FRAUD_SUSPECTED, DeclineReason.REFUSED, hard=True)
_AUTHENTICATE = Verdict(Declined, Cause.AUTHENTICATION_REQUIRED, DeclineReason.AUTHENTICATION_REQUIRED)
IN_PROGRESS = Verdict(RetryLater, Cause.KEY_IN_PROGRESS)
THROTTLED = Verdict(RetryLater, Cause.THROTTLED)
MISSING = Verdict(NotFound, Cause.NOT_FOUND)
UNFAMILIAR = Verdict(Unknown, Cause.UNEXPECTED_REFUSAL)
_FIELDS_EXPIRED = Verdict(FieldsRefused, Cause.FIELDS_EXPIRED, code=Code.PAYMENT_FIELDS_TOKEN_EXPIRED)
_FIELDS_NOT_FOUND = Verdict(FieldsRefused, Cause.FIELDS_NOT_FOUND, code=Code.PAYMENT_FIELDS_TOKEN_NOT_FOUND)
_FIELDS_EMPTY = Verdict(FieldsRefused, Cause.FIELDS_EMPTY, code=Code.PAYMENT_FIELDS_TOKEN_EMPTY)


def _each(names: str, verdict: Verdict) -> dict[str, Verdict]:
    return dict.fromkeys(names.split(), verdict)


# bluesnap/errors.md sections 3 to 5. The name decides: 14002 has 35 meanings and 10000 has four.
BY_NAME: dict[str, Verdict] = {
    **_each("INSUFFICIENT_FUNDS LIMIT_EXCEEDED", _declined(DeclineReason.INSUFFICIENT_FUNDS)),
    **_each("EXPIRED_CARD", _declined(DeclineReason.CARD_EXPIRED, hard=True)),
    **_each("INVALID_CARD_NUMBER", _declined(DeclineReason.INCORRECT_DETAILS, hard=True)),
    **_each(
        "CVV_ERROR INCORRECT_INFORMATION INVALID_PIN_OR_PW_OR_ID_ERROR INVALID_PAYMENT_DETAILS TRANSACTION_CARD_NOT_VALID",
        _declined(DeclineReason.INCORRECT_DETAILS),
    ),
    **_each("CALL_ISSUER", _declined(DeclineReason.CALL_ISSUER)),
    **_each(
        "ACCOUNT_CLOSED CARD_LOST_OR_STOLEN PICKUP_CARD RESTRICTED_CARD AUTHORIZATION_REVOKED",
        _declined(DeclineReason.REFUSED, hard=True),
    ),
    **_each(
        "DO_NOT_HONOR PROCESSING_GENERAL_DECLINE INVALID_TRANSACTION INVALID_CARD_TYPE"
        " THE_ISSUER_IS_UNAVAILABLE_OR_OFFLINE",
        _declined(DeclineReason.REFUSED),
    ),
    **_each(
        "THREE_D_SECURITY_AUTHENTICATION_REQUIRED STRONG_CUSTOMER_AUTHENTICATION_REQUIRED THREE_D_SECURE_FAILURE",
        _AUTHENTICATE,
    ),
    **_each("HIGH_RISK_ERROR FRAUD_DETECTED FRAUD_ERROR", _FRAUD),
    **_each("EXPIRED_TOKEN", _FIELDS_EXPIRED),
    **_each("TOKEN_NOT_FOUND TOKEN_WAS_ALREADY_USED_FOR_CC", _FIELDS_NOT_FOUND),
    **_each("NO_PAYMENT_DETAILS_LINKED_TO_TOKEN", _FIELDS_EMPTY),
    # DESIGN section 7 point 4: a 400 that says the processing broke is no refusal
    **_each(
        "PROCESSING_TIMEOUT PROCESSING_DUPLICATE SYSTEM_TECHNICAL_ERROR PAYMENT_GENERAL_FAILURE SERVER_GENERAL_FAILURE"
        " GENERAL_PAYMENT_PROCESSING_ERROR BLS_CONNECTION_PROBLEM IDEMPOTENCY_SERVICE_TIMEOUT WALLET_PROCESSING_FAILURE"
        " TRANSACTION_ALREADY_EXISTS",  # a duplicate of one that was accepted
        BROKE,
    ),
    **_each(
        "INVALID_API_VERSION MERCHANT_CONFIGURATION_ERROR CURRENCY_CODE_NOT_FOUND PAYMENT_METHOD_NOT_SUPPORTED"
        " NO_AVAILABLE_PROCESSORS API_CONFIGURATION_ISSUE INCORRECT_SETUP",
        SETUP,
    ),
    # what a general failure did is as open as what a broken processing did; a look at the transaction settles it
    **_each("REFUND_GENERAL_FAILURE", BROKE),
    **_each("INVOICE_ALREADY_REFUNDED INVOICE_ALREADY_FULLY_REFUNDED", _ALREADY_REFUNDED),
    **_each("REFUND_IN_PROCESS TRANSACTION_LOCKED", _REFUND_RUNNING),
    **_each("PARTIAL_REFUND_NOT_SUPPORTED PAYMENT_METHOD_NOT_REFUNDABLE REFUND_FAILED", _NOT_REFUNDABLE),
    **_each("INSUFFICIENT_FUNDS_FOR_REFUND", _BALANCE_TOO_LOW),
    **_each("CANNOT_UPDATE_CANCELED_SUBSCRIPTION", _CANCELED),
    **_each("MULTIPLE_CARDS_FOUND_NONE_SELECTED MULTIPLE_PAYMENT_METHODS_NON_SELECTED", _AMBIGUOUS),
    **_each("DELETE_SHOPPER_VALIDATION_FAILURE", _NEEDED),
    **_each("USER_NOT_AUTHORIZED", FORBIDDEN),
    **_each("XSS_EXCEPTION", _MALICIOUS),
    **_each("REQUEST_WITH_SAME_IDEMPOTENCY_KEY_ALREADY_IN_PROGRESS", IN_PROGRESS),
    **_each("SAME_IDEMPOTENCY_KEY_WAS_ALREADY_IN_USE_WITH_PREVIOUS_DIFFERENT_REQUEST", _KEY_REUSED),
    # those that arrive under 14002, 10000 or an uncertain number, where the code alone would say too little
    **_each(
        "AUTHORIZATION_AMOUNT_ALREADY_REVERSED AUTHORIZATION_AMOUNT_NOT_VALID AUTHORIZATION_EXPIRED AUTHORIZATION_NOT_FOUND"
        " INVALID_AMOUNT PROCESSING_AMOUNT_ERROR BLS_NO_SUCH_SHOPPER_PAYMENT_METHOD VALIDATION_GENERAL_FAILURE"
        " NON_OVERRIDABLE_PLAN_TYPE NON_OVERRIDABLE_TRIAL_DAYS NON_OVERRIDABLE_INITIAL_CHARGE NO_VAULTED_SHOPPER_FOUND"
        " NEGATIVE_QUANTITY INVALID_CURRENCY INVALID_OVERRIDE_TRIAL_DAYS INVALID_RECURRING_CHARGE_AMOUNT"
        " INVALID_INITIAL_CHARGE_AMOUNT INCORRECT_PAYMENT_DETAILS SWITCH_PLAN_ERROR INVALID_DATE_FORMAT"
        " EXISTING_CHARGE_PENDING_APPROVAL SHOPPER_NOT_FOUND SUBSCRIPTION_NOT_FOUND"
        " ORDER_NOT_FOUND INVALID_INPUT INVALID_TRANSACTION_TYPE MISSING_ARGUMENTS IDEMPOTENCY_KEY_MAX_LENGTH_LIMIT_EXCEEDED"
        " INVALID_IDEMPOTENCY_KEY",
        INVALID,
    ),
}

# alternative payments, wallets, plans, lists, tax, subscriptions
_FAMILIES = (
    range(20020, 20028), range(23001, 23015), range(24001, 24019), range(26001, 26004), range(43008, 43011), range(90009, 90024)
)  # fmt: skip

BY_CODE: dict[str, Verdict] = {
    **_each("7 30 85 90 10001 14010 14021", INVALID),
    **_each("14102 14103 14104 15008 15009 16001 16004 17005 19000 19002 21001", INVALID),
    **_each("20002 20004 20005 20007 20008 20009 20010 20030 20031 60103 60104", INVALID),
    **{str(code): INVALID for numbers in _FAMILIES for code in numbers},
    **_each("10000 14002 14004 20006 60106", BROKE),
    **_each("14005 14006", _REFUND_AMOUNT),
    **_each("14007 14024 14048", _NOT_REFUNDABLE),
    **_each("14008", _BALANCE_TOO_LOW),
    **_each("14009 14022", _ALREADY_REFUNDED),
    **_each("14023 20003", _REFUND_RUNNING),
    **_each("14110", _NEEDED),
    **_each("16003", _AMBIGUOUS),
    **_each("11001", _MALICIOUS),
    **_each("13001 14011 14016 14100 22013 24004", SETUP),
    **_each("24012", FORBIDDEN),
    **_each("14034 20017", _declined(DeclineReason.INCORRECT_DETAILS)),
    **_each("14040", _FIELDS_EXPIRED),
    **_each("14041", _FIELDS_NOT_FOUND),
    **_each("14042", _FIELDS_EMPTY),
    **_each("14101", _AUTHENTICATE),
    **_each("15011 15012", _FRAUD),
    **_each("60101", _KEY_REUSED),
    **_each("60102", IN_PROGRESS),
}
