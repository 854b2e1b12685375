"""Local work that PostgreSQL rolled back because another transaction stood in its way is done again, a few times. Never a call to anybody."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import structlog
from psycopg import errors
from sqlalchemy.exc import OperationalError

P = ParamSpec("P")
T = TypeVar("T")
TRIES = 3
#: After these nothing of the transaction is left. A commit that may have been made is none of them, nor a lost connection.
ROLLED_BACK = (errors.DeadlockDetected, errors.SerializationFailure, errors.LockNotAvailable)
log = structlog.get_logger()


def again(work: Callable[P, T]) -> Callable[P, T]:
    """For what is one transaction and writes down how a call has ended: to lose that would leave to the worker what is known already.

    What comes before a call is not tried again: its caller is told to come back, and nothing has happened.
    """

    @functools.wraps(work)
    def tried(*arguments: P.args, **named: P.kwargs) -> T:
        for _ in range(TRIES - 1):
            try:
                return work(*arguments, **named)
            except OperationalError as error:
                if not isinstance(error.orig, ROLLED_BACK):
                    raise
                log.warning("transaction.again", error=type(error.orig).__name__)
        return work(*arguments, **named)

    return tried
