"""One log line for each entry of the journal, written once the entry's transaction is committed: what was rolled back leaves none.

A transaction's entries wait with its connection. SQLAlchemy tells of a commit before PostgreSQL has made it, so the lines are written when
the connection goes back to its pool, or begins anew; a commit that fails is told of as an error in between.
"""

from __future__ import annotations

from typing import Any

import structlog
from sqlalchemy import Connection, Engine, ExceptionContext, event

from service import crashpoints

#: What has been written, with a mark for each open savepoint among it; what is being committed.
WRITTEN, COMMITTING = "deeds.written", "deeds.committing"
_MARK = None
log = structlog.get_logger()


def remember(connection: Connection, **fields: Any) -> None:
    """An entry was written: its line follows the commit. Only on connections of an engine that is told of."""
    if WRITTEN in connection.info:
        connection.info[WRITTEN].append(fields)


def tell_of(engine: Engine) -> None:
    """From now on the entries that are written through this engine leave lines."""
    event.listen(engine, "begin", lambda connection: _begin(connection.info))
    event.listen(engine, "commit", lambda connection: _commit(connection.info))
    event.listen(engine, "rollback", lambda connection: _forget(_info(connection)))
    event.listen(engine, "savepoint", lambda connection, _: connection.info[WRITTEN].append(_MARK))
    event.listen(engine, "rollback_savepoint", lambda connection, *_: _back_to_mark(_info(connection).get(WRITTEN, [])))
    event.listen(engine, "release_savepoint", lambda connection, *_: _drop_mark(connection.info[WRITTEN]))
    event.listen(engine, "handle_error", _failed)
    event.listen(engine, "checkin", lambda _, record: _tell(record.info))


def _info(connection: Connection) -> dict[Any, Any]:
    """What is kept with a connection; nothing for one that was lost, whose own is gone with it."""
    return {} if connection.invalidated else connection.info


def _begin(info: dict[Any, Any]) -> None:
    _tell(info)
    info[WRITTEN] = []


def _commit(info: dict[Any, Any]) -> None:
    info[COMMITTING], info[WRITTEN] = info.get(WRITTEN, []), []


def _forget(info: dict[Any, Any]) -> None:
    info[COMMITTING], info[WRITTEN] = [], []


def _back_to_mark(written: list[Any]) -> None:
    """Savepoints lie within each other, so it is always the last one's."""
    while written and written.pop() is not _MARK:
        pass


def _drop_mark(written: list[Any]) -> None:
    del written[len(written) - 1 - written[::-1].index(_MARK)]


def _failed(context: ExceptionContext) -> None:
    """A commit that failed: whether it was made is not known, and the line would say that it was."""
    if context.connection is not None and not context.connection.invalidated:
        context.connection.info[COMMITTING] = []


def _tell(info: dict[Any, Any]) -> None:
    for fields in info.pop(COMMITTING, []):
        log.info(
            "action.recorded",
            act=fields["act"],
            actor=fields["actor"],
            subject=fields["subject"],
            account=fields["account"],
            request_id=fields["request_id"],
        )
        crashpoints.reach(f"{fields['act']}.committed")
