"""From how a call to BlueSnap ended to what our caller is told. The page learns little; the platform reads the reason from the session."""

from __future__ import annotations

from service.errors import (
    Advice,
    BlueSnapError,
    Code,
    Declined,
    DeclineReason,
    FieldsRefused,
    Misconfigured,
    NeverSent,
    Refusal,
    Rejected,
    RetryLater,
)

#: Reasons that the payer can mend by typing again, even where the issuer calls the card dead.
MENDABLE = {DeclineReason.CARD_EXPIRED, DeclineReason.INCORRECT_DETAILS}


def ends_session(declined: Declined) -> bool:
    """A hard decline ends the session, unless a slip of the payer's hand explains it (an old expiry date, a wrong digit)."""
    return declined.hard and declined.reason not in MENDABLE


def advice(declined: Declined) -> Advice:
    """All that the page learns of a decline."""
    if declined.reason is DeclineReason.AUTHENTICATION_REQUIRED:
        return Advice.AUTHENTICATION_REQUIRED
    if declined.hard or declined.reason is DeclineReason.CARD_EXPIRED:
        return Advice.TRY_ANOTHER_CARD
    return Advice.DECLINED


def advice_for(reason: str) -> Advice:
    """The same from a kept reason, for a session that is read later."""
    kept = DeclineReason(reason)
    return advice(Declined("kept", kept, hard=kept in {DeclineReason.REFUSED, DeclineReason.CARD_EXPIRED}))


def refusal(error: BlueSnapError) -> Refusal:
    """What the caller is told when a call had definitely, or harmlessly, no effect."""
    match error:
        case Declined():
            told = Refusal(Code.CARD_DECLINED, reason=advice(error))
        case FieldsRefused():
            told = Refusal(error.code)
        case NeverSent():
            told = Refusal(Code.BLUESNAP_UNREACHABLE, retry_after=5)
        case RetryLater():
            told = Refusal(Code.BLUESNAP_BUSY, retry_after=10)
        case Rejected():
            told = Refusal(Code.DETAILS_REFUSED)
        case Misconfigured():
            told = Refusal(Code.BLUESNAP_MISCONFIGURED)
        case _:
            told = Refusal(Code.BLUESNAP_FAILED, retry_after=10)
    return told
