"""Who may call BlueSnap: nobody who came too late or has gone, and no more at once than there are slots. Whoever is turned away has done and claimed nothing."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time

import pytest

from service.app import DOORS, create_app
from service.bluesnap import deadlines
from service.errors import Code, Refusal
from service.telemetry import metrics
from service.web import admission
from service.web.admission import Admission
from tests.support.databases import count_rows
from tests.support.web import SESSIONS, Web, new_key, problem

#: Codes that only a call to BlueSnap can bring about.
OF_BLUESNAP = {Code.BLUESNAP_UNREACHABLE, Code.BLUESNAP_BUSY, Code.BLUESNAP_FAILED, Code.BLUESNAP_MISCONFIGURED}
OPERATIONS = [operation for door in DOORS for operation in door.operations]


def turned_away(reason):
    return metrics.TURNED_AWAY.labels(reason=reason)._value.get()


@pytest.fixture(autouse=True)
def _fresh():
    """No arrival is left over from another test."""
    yield
    admission._ARRIVAL.set(None)


@pytest.fixture
def pair():
    """Our side of a TCP connection, and the client's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname(), timeout=10)
        ours, _ = listener.accept()
    with ours, client:
        yield ours, client


@pytest.fixture
def narrow(make_tools, bluesnap):
    """A service with one slot."""
    return Web(make_tools(threads="2", reserved_threads="1"), bluesnap)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_operation_takes_a_slot_if_and_only_if_bluesnap_may_answer_it(operation):
    may_fail = bool(OF_BLUESNAP & set(operation.problems))
    assert operation.calls_bluesnap == (may_fail or operation.answers_alone)
    assert not (may_fail and operation.answers_alone)


def test_those_that_call_bluesnap_are_these():
    assert {operation.name for operation in OPERATIONS if operation.calls_bluesnap} == {
        "checkout.open_session", "page.renew_fields", "page.complete", "accounts.change", "accounts.cancel", "accounts.resume",
        "charges.refund", "cards.show_card", "cards.reactivate", "support.look",
    }  # fmt: skip


def test_without_a_slot_nothing_is_called_or_claimed(narrow):
    before, key, seen = turned_away("slots"), new_key(), []
    narrow.bluesnap.script(
        "create_payment_fields_token", meanwhile=lambda: seen.append(narrow.order(key=key, account="b"))
    )
    assert narrow.order().status_code == 201
    problem(seen[0], 503, "overloaded")
    assert int(seen[0].headers["Retry-After"]) > 0
    assert len(narrow.bluesnap.calls) == 1
    assert count_rows(narrow.tools.engine)["idempotency_keys"] == 1
    assert turned_away("slots") == before + 1
    assert narrow.order(key=key, account="b").status_code == 201


def test_slot_is_given_back_however_a_request_ends(narrow):
    for _ in range(3):
        narrow.bluesnap.script("create_payment_fields_token", RuntimeError("a mistake of ours"))
        assert narrow.order().status_code == 500
        assert narrow.order(members=0).status_code == 422
    assert narrow.order(account="acct-b").status_code == 201


def test_reads_and_notices_need_no_slot(narrow):
    seen = []

    def meanwhile():
        seen.append(narrow.call("GET", "/v1/accounts/acct-a", auth=narrow.key).status_code)
        seen.append(narrow.call("GET", "/healthz").status_code)
        seen.append(narrow.call("POST", "/webhooks/bluesnap", data="a=b").status_code)

    narrow.bluesnap.script("create_payment_fields_token", meanwhile=meanwhile)
    assert narrow.order().status_code == 201
    assert seen == [200, 200, 401]


def test_request_that_waited_too_long_calls_nobody(web):
    before, now = turned_away("late"), time.monotonic()
    admission.arrived(now - 5.5, now - 5.1)
    answer = web.order()
    problem(answer, 503, "overloaded")
    assert int(answer.headers["Retry-After"]) > 0
    assert web.bluesnap.calls == []
    assert count_rows(web.tools.engine)["idempotency_keys"] == 0
    assert turned_away("late") == before + 1
    assert web.call("GET", "/v1/accounts/acct-a", auth=web.key).status_code == 200


def test_request_whose_end_came_in_time_is_not_late(web):
    now = time.monotonic()
    admission.arrived(now - 12, now - 2)
    assert web.order().status_code == 201


def test_client_that_is_gone_is_not_charged(web, pair):
    ours, client = pair
    session, before = web.open(), turned_away("gone")
    calls = len(web.bluesnap.calls)
    client.close()
    answer = complete_over(web, session, ours)
    problem(answer, 400, "client_gone")
    assert len(web.bluesnap.calls) == calls
    assert turned_away("gone") == before + 1
    assert web.read(session).json["status"] == "open"


def complete_over(web, session, connection):
    """The page's call, over a socket that is no part of the imitation."""
    return web.client.post(
        f"{SESSIONS}/{session['id']}/completion",
        json={"payer": {"first_name": "Mira", "last_name": "Okafor", "country": "us", "zip": "02451"}},
        headers={"Authorization": f"Bearer {session['client_secret']}", "Idempotency-Key": new_key()},
        environ_overrides={"gunicorn.socket": connection},
    )


def test_client_that_waits_is_served_whatever_it_sends_meanwhile(web, pair):
    ours, client = pair
    session = web.open()
    client.sendall(b"GET /healthz HTTP/1.1\r\n")
    assert complete_over(web, session, ours).status_code == 201


def reset(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@pytest.mark.parametrize(
    "leave",
    [socket.socket.close, lambda client: client.shutdown(socket.SHUT_WR), reset],
    ids=["closed", "half-closed", "reset"],
)
@pytest.mark.parametrize("unread", [b"", b"POST "], ids=["silent", "with bytes that nobody read"])
def test_client_that_says_no_more_is_gone(pair, leave, unread):
    ours, client = pair
    assert not admission.is_gone(ours)
    client.sendall(unread)
    leave(client)
    deadline = time.monotonic() + 20
    while not admission.is_gone(ours):
        assert time.monotonic() < deadline


def test_nobody_is_gone_where_there_is_no_socket():
    assert not admission.is_gone(None)
    assert admission.is_gone(closed())


def closed():
    one = socket.socket()
    one.close()
    return one


def test_calls_of_a_request_end_with_the_request(make_tools):
    slots, now = Admission(make_tools().settings), time.monotonic()
    assert deadlines.around() > now + 1_000
    admission.arrived(now - 30, now)
    with slots.admitted(None):
        assert deadlines.around() == pytest.approx(now + 40)
    assert deadlines.around() > now + 1_000


def test_slots_are_as_many_as_threads_without_the_reserve(make_tools):
    slots = Admission(make_tools(threads="9", reserved_threads="2").settings)
    with contextlib.ExitStack() as held:
        for _ in range(7):
            held.enter_context(slots.admitted(None))
        with pytest.raises(Refusal):
            held.enter_context(slots.admitted(None))
    with slots.admitted(None):
        pass


def test_each_process_has_one_set_of_slots(make_tools):
    app = create_app(make_tools(threads="5", reserved_threads="2"))
    entered, go = threading.Barrier(4), threading.Event()
    slots = app.extensions["panless_admission"]

    def occupy():
        with slots.admitted(None):
            entered.wait(20)
            go.wait(20)

    threads = [threading.Thread(target=occupy) for _ in range(3)]
    for one in threads:
        one.start()
    entered.wait(20)
    with pytest.raises(Refusal), slots.admitted(None):
        pass
    go.set()
    for one in threads:
        one.join(20)
