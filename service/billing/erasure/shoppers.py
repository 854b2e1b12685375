"""The worker's round that has BlueSnap delete the shoppers of erased accounts, as soon as it allows it. Asks for nothing else."""

from __future__ import annotations

from datetime import timedelta

from service.billing import rounds
from service.billing.tools import Tools
from service.errors import BlueSnapError, NotFound, Rejected
from service.store import erasing, journal
from service.store.journal import Act, Origin
from service.store.models import ShopperDeletion

WORKER = Origin("worker")
BATCH = 50
#: After a plain no, which is 14110 as a rule: he has bought something of late, or has still a subscription there. After anything else.
REFUSED, BROKEN = timedelta(days=7), timedelta(hours=1)


def delete_due(tools: Tools) -> int:
    """One round. The number tried."""
    with tools.engine.connect() as connection:
        due = erasing.DELETIONS.due(connection, BATCH)
    return rounds.each(tools, "delete_shoppers", erasing.DELETIONS, due, act=_delete)


def _delete(tools: Tools, deletion_id: str) -> None:
    with tools.engine.begin() as connection:
        deletion = erasing.DELETIONS.take(connection, deletion_id, tools.settings.lease_seconds)
    if deletion is None or deletion.provider_shopper is None:
        return
    try:
        tools.bluesnap.delete_shopper(deletion.provider_shopper)
    except NotFound:
        _settle(tools, deletion)
    except BlueSnapError as error:
        span = REFUSED if isinstance(error, Rejected) else BROKEN
        with tools.engine.begin() as connection:
            erasing.put_off(connection, deletion.id, error.cause, span)
    else:
        _settle(tools, deletion)


def _settle(tools: Tools, deletion: ShopperDeletion) -> None:
    """BlueSnap has queued it, or knows him no more; asked twice it would say so."""
    image = {"attempts": deletion.attempts + 1}
    with tools.engine.begin() as connection:
        erasing.settle(connection, deletion.id)
        journal.write(
            connection, Act.SHOPPER_DELETED, WORKER, subject=deletion.id, account=deletion.account, image=image
        )
