"""What nobody needs any more is wiped: the payment-fields tokens of sessions that expired unused (DESIGN section 6)."""

from __future__ import annotations

from service.billing.tools import Tools
from service.store import accounts, changes
from service.store.journal import Act, Origin

WORKER = Origin("worker")
BATCH = 200


def wipe_expired_fields(tools: Tools) -> int:
    """Wipe the sealed tokens of expired sessions, a batch at a time. The number wiped."""
    now = tools.clock()
    with tools.engine.begin() as connection:
        expired = accounts.expired_with_fields(connection, now, BATCH)
        for session in expired:
            changes.change(connection, session, Act.FIELDS_SPENT, WORKER, fields_sealed=None)
    return len(expired)
