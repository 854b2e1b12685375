"""The worker's round that wipes columns whose time is over (store/retention.toml). Only what is in no version and no entry, and never what money or a refund still needs."""

from __future__ import annotations

from functools import partial

from service.billing.erasure import tombstones
from service.billing.tidy import in_batches
from service.billing.tools import Tools
from service.store import retention


def retain(tools: Tools) -> int:
    """One round, with the tombstones that the archive does not have yet. The number of rows wiped."""
    now = tools.clock()
    wiped = 0
    for rule in retention.RULES:
        wiped += in_batches(tools, partial(retention.wipe, rule=rule, now=now))
    tombstones.copy(tools)
    return wiped
