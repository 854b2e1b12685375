"""A connection to PostgreSQL that waits for no answer for ever, and believes no commit that PostgreSQL itself doubts. Repeats nothing of what was asked."""

from __future__ import annotations

import contextlib
from typing import Any

import psycopg
from psycopg.abc import RV, PQGen
from psycopg.errors import Diagnostic, _WaitTimeout
from psycopg.pq import TransactionStatus

#: Until an answer is given up. The server ends a statement after 5 s and a wait for a lock after 2 s by itself, and says so: whoever says nothing is gone.
#: A COMMIT, which no setting of the server ends, waits at most so long for its standbys.
ANSWER_SECONDS = 10.0
#: The same for the question whether a connection is alive, before it is used: in doubt a new one is made.
PING_SECONDS = 3.0
#: For the server to be told that nobody waits any more, over a connection of its own.
CANCEL_SECONDS = 2.0
CONNECT_SECONDS = 5
#: A peer that vanished without a word is found by the kernel: after 15 s where something was sent to it, after 25 s where nothing was (tcp(7)).
PEER = {"keepalives": 1, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 15_000}  # fmt: skip


class NoAnswerError(psycopg.OperationalError):
    """PostgreSQL, or whoever stands before it, takes our bytes and says nothing. What was asked may have been done."""


class DoubtedCommitError(psycopg.OperationalError):
    """PostgreSQL has committed, and does not promise that it lasts. Whether it does is read by key when the caller comes again."""


def is_doubt(diagnostic: Diagnostic) -> bool:
    """Whether what PostgreSQL says during a COMMIT takes its promise back.

    A commit whose wait for the standbys was cancelled is a success with a warning, with SQLSTATE 01000 and words in the server's language
    (syncrep.c), so that neither tells it from other warnings. A COMMIT of ours has nothing else to be warned of.
    """
    return diagnostic.severity_nonlocalized == "WARNING"


class Connection(psycopg.Connection[Any]):
    """For the service. A statement or a commit without an answer is cancelled at the server, and the connection given up."""

    answer_seconds: float | None = ANSWER_SECONDS

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._doubted = False
        self.add_notice_handler(self._hear)

    def _hear(self, diagnostic: Diagnostic) -> None:
        self._doubted = self._doubted or is_doubt(diagnostic)

    def commit(self) -> None:
        """As psycopg's. Raises DoubtedCommitError where PostgreSQL says of the commit that it may be lost."""
        self._doubted = False
        super().commit()
        if self._doubted:
            raise DoubtedCommitError

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """As psycopg's. Raises NoAnswerError."""
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        pinging = self.autocommit  # SQLAlchemy switches it on for that; ours is no statement that takes longer
        try:
            return super().wait(gen, interval, PING_SECONDS if pinging else self.answer_seconds)
        except _WaitTimeout:
            if not pinging:
                with contextlib.suppress(psycopg.Error):
                    self.cancel_safe(timeout=CANCEL_SECONDS)
            self.pgconn.finish()
            raise NoAnswerError from None


class PatientConnection(Connection):
    """For migrations, of which a statement may take its time."""

    answer_seconds = None


class AsyncConnection(psycopg.AsyncConnection[Any]):
    """For the worker's own bookkeeping, which listens for minutes on connections that nothing was asked on."""

    async def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:  # noqa: ASYNC109 - psycopg declares it
        """As psycopg's. Raises NoAnswerError where something was asked."""
        if timeout is not None:
            return await super().wait(gen, interval, timeout)
        while True:
            try:
                return await super().wait(gen, interval, ANSWER_SECONDS)
            except _WaitTimeout:
                if self.pgconn.transaction_status != TransactionStatus.ACTIVE:
                    continue
                with contextlib.suppress(psycopg.Error):
                    await self.cancel_safe(timeout=CANCEL_SECONDS)
                self.pgconn.finish()
                raise NoAnswerError from None
