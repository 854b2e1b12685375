"""Ways in which a call to BlueSnap can end, and the code that a refusal carries."""

from __future__ import annotations

import pytest

from service.errors import Declined, DeclineReason, Misconfigured, NeverSent, Refusal, RetryLater, Unknown

LOST = Unknown("read_timed_out")
SOFT = Declined("declined", DeclineReason.INSUFFICIENT_FUNDS, hard=False)
STOLEN = Declined("declined", DeclineReason.REFUSED, hard=True)
#: What may befall a look-up: none of it proves that a thing is absent.
TROUBLES = [LOST, RetryLater("throttled"), NeverSent("connection_refused"), Misconfigured("credentials_refused")]


def refused(act, *arguments, **how):
    """The refusal that an act ends with."""
    with pytest.raises(Refusal) as told:
        act(*arguments, **how)
    return told.value
