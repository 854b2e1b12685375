"""From how a call to BlueSnap ended to what our caller is told. The page learns little; the platform reads the reason from the session."""

from __future__ import annotations

from datetime import timedelta

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

#: BlueSnap keeps idempotency keys for 24 hours (bluesnap/api.md section 3); we stop repeating a call that moves money an hour before.
KEY_LIFE = timedelta(hours=23)
#: How long such a call is looked for where it may not be repeated, before a person is asked (DESIGN section 7 point 3).
SEARCH = timedelta(hours=24)
#: How long a charging call that BlueSnap provably did not take is made again. Later nobody waits for it any more, and a charge would come as a surprise.
RETRIED = timedelta(hours=1)
#: The longest pause between two look-ups of one outcome, in seconds: whatever BlueSnap's outage, five minutes after its end nearly all is settled.
LONGEST_WAIT_SECONDS = 240
#: Reasons that the payer can mend by typing again, even where the issuer calls the card dead.
MENDABLE = {DeclineReason.CARD_EXPIRED, DeclineReason.INCORRECT_DETAILS}


def ends_session(declined: Declined) -> bool:
    """A hard decline ends the session, unless a slip of the payer's hand explains it (an old expiry date, a wrong digit)."""
    return declined.hard and declined.reason not in MENDABLE


#: Reasons for which typing the same card again is no use.
ANOTHER_CARD = {DeclineReason.CARD_EXPIRED, DeclineReason.REFUSED}


def advice(reason: DeclineReason) -> Advice:
    """All that the page learns of a decline: the same at once and when the session is read later."""
    if reason is DeclineReason.AUTHENTICATION_REQUIRED:
        return Advice.AUTHENTICATION_REQUIRED
    return Advice.TRY_ANOTHER_CARD if reason in ANOTHER_CARD else Advice.DECLINED


def refusal(error: BlueSnapError) -> Refusal:
    """What the caller is told when a call had definitely, or harmlessly, no effect."""
    match error:
        case Declined():
            told = Refusal(Code.CARD_DECLINED, reason=advice(error.reason))
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
