"""What callers hear when the database does not serve: 503 with a Retry-After, no call to BlueSnap, and never an error of ours."""

from __future__ import annotations

import contextlib
import uuid

import pytest
from psycopg import errors
from sqlalchemy import event, exc

from service.store import careful, database
from tests.support.notices import charge_form
from tests.support.tools import tools_over
from tests.support.web import Web, problem

REFUND = {"reason": "other", "cancel_subscription": False}


def unavailable(answer):
    problem(answer, 503, "not_ready")
    assert int(answer.headers["Retry-After"]) > 0


@contextlib.contextmanager
def before_each_transaction(engine, act):
    """PostgreSQL hears of this first, every time."""
    event.listen(engine, "begin", act)
    try:
        yield
    finally:
        event.remove(engine, "begin", act)


def read_only(connection):
    connection.exec_driver_sql("SET TRANSACTION READ ONLY")


def asks(web):
    """Everything that moves money or leads to it, with a session and a subscription that it can be asked of."""
    session = web.open(account="acct-b")
    assert web.complete(web.open()).status_code == 201
    [charge] = web.call("GET", "/v1/accounts/acct-a/charges", auth=web.key).json["charges"]
    return {
        "order": lambda: web.order(account="acct-c"),
        "renew": lambda: web.renew(session),
        "complete": lambda: web.complete(session),
        "change": lambda: web.call("PATCH", "/v1/accounts/acct-a/subscription", auth=web.key, json={"members": 11}),
        "cancel": web.cancel,
        "resume": lambda: web.cancel(method="DELETE"),
        "refund": lambda: web.post(f"/v1/charges/{charge['id']}/refunds", REFUND, auth=web.key),
        "reactivate": web.reactivate,
        "notice": lambda: web.notify(charge_form()),
    }


def test_read_only_database_is_refused_before_any_call_and_leaves_reads(web):
    ready = asks(web)
    calls, rows = len(web.bluesnap.calls), web.rows()
    with before_each_transaction(web.tools.engine, read_only):
        for ask in ready.values():
            unavailable(ask())
        assert web.account().status_code == 200
    assert len(web.bluesnap.calls) == calls
    assert web.rows() == rows


@pytest.mark.parametrize(
    "error",
    [
        errors.ReadOnlySqlTransaction, errors.IdleInTransactionSessionTimeout, errors.DeadlockDetected, errors.LockNotAvailable,
        errors.SerializationFailure, errors.QueryCanceled, errors.TooManyConnections, errors.AdminShutdown, errors.CannotConnectNow,
        errors.DiskFull, errors.IoError, careful.NoAnswerError, careful.DoubtedCommitError,
    ],
)  # fmt: skip
def test_every_state_in_which_it_cannot_serve_is_an_unavailable_service(web, logged, error):
    raised = error("a row with everything in it")

    def fail(_connection):
        kind = exc.InternalError if isinstance(raised, errors.InternalError) else exc.OperationalError
        raise kind("", {}, raised)

    with before_each_transaction(web.tools.engine, fail):
        unavailable(web.order())
    assert error.__name__ in logged()
    assert "everything" not in logged()


def test_mistake_of_ours_in_a_statement_stays_an_error_of_ours(web):
    with before_each_transaction(
        web.tools.engine, lambda connection: connection.exec_driver_sql("SELECT nothing FROM nowhere")
    ):
        problem(web.order(), 500, "internal_error")


def test_connection_that_is_lost_in_a_request_is_an_unavailable_service(web):
    def lose(connection):
        connection.connection.dbapi_connection.pgconn.finish()

    with before_each_transaction(web.tools.engine, lose):
        unavailable(web.order())
    assert web.order().status_code == 201


def test_one_connection_is_enough_for_everything_that_a_thread_does(
    module_database, bluesnap, clock, engine, quiet_logs
):
    """Threads and connections are as many: one that needed two at a time would wait for another's, and that one for his."""
    single = database.connect(module_database, pool_size=1)
    web = Web(tools_over(single, bluesnap, clock), bluesnap)
    statuses = {name: ask().status_code for name, ask in asks(web).items()}
    assert {name: status for name, status in statuses.items() if status >= 500} == {}
    card = web.open_for_card("acct-b")
    assert web.replace_card(card, key=str(uuid.uuid4())).status_code == 200
    web.settle()
    assert web.read(card).status_code == 200
    single.dispose()
