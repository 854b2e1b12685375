"""Says how a call to BlueSnap ended, from its status and the names and codes in its error body. Must never repeat a word that BlueSnap sent."""

from __future__ import annotations

from service.bluesnap.causes import NEVER_SENT, Cause
from service.bluesnap.refusals import Named, read_refusals
from service.bluesnap.verdicts import (
    BROKE,
    BY_CODE,
    BY_NAME,
    FORBIDDEN,
    IN_PROGRESS,
    INVALID,
    MISSING,
    THROTTLED,
    UNFAMILIAR,
    Verdict,
)
from service.errors import (
    BlueSnapError,
    Declined,
    FieldsRefused,
    Misconfigured,
    NeverSent,
    Rejected,
    RetryLater,
    Unknown,
)

_ABSENT_NAMES = frozenset({
    "SUBSCRIPTION_NOT_FOUND", "SHOPPER_NOT_FOUND", "ORDER_NOT_FOUND", "NO_VAULTED_SHOPPER_FOUND", "USER_NOT_AUTHORIZED",
})  # fmt: skip
_ABSENT_CODES = frozenset({"90009", "15008"})

_BY_STATUS: dict[int, Verdict] = {
    401: Verdict(Misconfigured, Cause.CREDENTIALS_REFUSED),
    405: Verdict(Rejected, Cause.WRONG_METHOD),
    423: THROTTLED,
    429: THROTTLED,
}


def as_error(status: int, body: bytes, *, reading: bool, targeted: bool = False, html: bool = False) -> BlueSnapError:
    """The error for an answer that is not 2xx. `reading` is true for a GET, which cannot have changed anything.

    `targeted` is true for a call that changes what its path names: then 403 may mean that it is not there, as it does on a GET.
    """
    return _judge(status, body, reading=reading, targeted=targeted, html=html).as_error(status)


def unsent_or_unknown(cause: Cause) -> BlueSnapError:
    """The error for a call that got no answer: NeverSent only for the six causes that prove it."""
    return (NeverSent if cause in NEVER_SENT else Unknown)(cause)


def _judge(status: int, body: bytes, *, reading: bool, targeted: bool, html: bool) -> Verdict:
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:
        busy = reading and status == 503
        return Verdict(RetryLater, Cause.UNAVAILABLE) if busy else Verdict(Unknown, Cause.SERVER_ERROR)
    if status < 400:
        return Verdict(Unknown, Cause.REDIRECT if status >= 300 else Cause.UNEXPECTED_STATUS)
    refusals = read_refusals(body)
    if reading:
        return _judge_reading(status, refusals)
    if targeted and _is_absent(status, refusals, html=html):
        return MISSING
    return _judge_writing(status, refusals, html=html)


def _is_absent(status: int, refusals: list[Named], *, html: bool) -> bool:
    """Whether what a path names is said not to be there, or not to be ours; a page says that something stood in the way."""
    verdict = _by_name_or_code(refusals)
    if html or verdict is BROKE:
        return False
    if status == 404 or (status == 403 and verdict is UNFAMILIAR):
        return True
    return status in {400, 403, 422} and _names_absence(refusals)


def _names_absence(refusals: list[Named]) -> bool:
    return any(one.name in _ABSENT_NAMES or one.code in _ABSENT_CODES for one in refusals)


def _judge_writing(status: int, refusals: list[Named], *, html: bool) -> Verdict:
    verdict = _by_name_or_code(refusals)
    if status == 403:
        return _judge_forbidden(verdict, html=html)
    if status == 404:
        return Verdict(Misconfigured, Cause.NO_SUCH_PATH)
    if status == 422 and verdict is UNFAMILIAR:
        return INVALID
    if status in {400, 422} or (status == 409 and verdict is IN_PROGRESS):
        return verdict
    return Verdict(Unknown, Cause.UNEXPECTED_STATUS)


def _judge_reading(status: int, refusals: list[Named]) -> Verdict:
    if status in {403, 404} or _names_absence(refusals):
        return MISSING
    verdict = _by_name_or_code(refusals) if status in {400, 409, 422} else Verdict(Unknown, Cause.UNEXPECTED_STATUS)
    # a look-up cannot be declined: whatever that answer was, it answered another question
    return UNFAMILIAR if verdict.error in {Declined, FieldsRefused} else verdict


def _judge_forbidden(verdict: Verdict, *, html: bool) -> Verdict:
    """A 403 on a POST: the content or the broken processing, where it says so; else rights, or a filter in front."""
    if verdict.error is Rejected or verdict is BROKE:
        return verdict
    return Verdict(Misconfigured, Cause.BLOCKED) if html else FORBIDDEN


def _by_name_or_code(refusals: list[Named]) -> Verdict:
    """Name first, then code. A message that says the processing broke outweighs the others; one without a name counts only among such."""
    telling = [one for one in refusals if one.name] or refusals
    verdicts = [BY_NAME.get(one.name) or BY_CODE.get(one.code, UNFAMILIAR) for one in telling]
    if BROKE in verdicts:
        return BROKE
    return next((verdict for verdict in verdicts if verdict is not UNFAMILIAR), UNFAMILIAR)
