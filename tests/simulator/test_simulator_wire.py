"""The HTTP server itself: connections, framing, and input that nobody expects."""

from __future__ import annotations

import base64
import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simulator_caller import Caller

from simulator.idempotency import Keys
from simulator.wire import CannotListen, Face

BASIC = base64.b64encode(b"API_1000000001:simulator-password-1").decode()
HEADERS = {"Authorization": f"Basic {BASIC}", "Content-Type": "application/json", "Accept": "application/json"}


@pytest.fixture
def connection(caller: Caller) -> Iterator[Any]:
    made = http.client.HTTPConnection("127.0.0.1", caller.simulator.protocol.port, timeout=10)
    yield made
    made.close()


def exchange(connection: Any, method: Any, path: Any, body: Any = None) -> Any:
    connection.request(method, f"/services/2{path}", body, HEADERS)
    answer = connection.getresponse()
    return answer.status, answer.read()


def raw(caller: Caller, request: Any) -> Any:
    """Everything that comes back until the connection is closed."""
    with socket.create_connection(("127.0.0.1", caller.simulator.protocol.port), timeout=10) as client:
        client.sendall(request)
        pieces = []
        while piece := client.recv(65_536):
            pieces.append(piece)
    return b"".join(pieces)


def test_a_connection_is_kept_for_many_calls(connection: Any) -> None:
    exchange(connection, "POST", "/payment-fields-tokens")
    first = connection.sock
    statuses = [exchange(connection, "GET", "/recurring/plans")[0] for _ in range(5)]
    assert statuses == [200] * 5
    assert connection.sock is first


def test_a_body_that_nobody_read_does_not_disturb_the_next_call(connection: Any) -> None:
    assert exchange(connection, "POST", "/vaulted-shoppers", b"x" * 200_000)[0] == 413
    first = connection.sock
    assert exchange(connection, "GET", "/recurring/plans")[0] == 200
    assert connection.sock is first


def test_a_chunked_request_is_read_like_any_other(connection: Any) -> None:
    pieces = iter([b'{"firstName": ', b'"Mira", ', b'"lastName": "Okafor"}'])
    connection.request("POST", "/services/2/vaulted-shoppers", pieces, HEADERS, encode_chunked=True)
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (201, b"")


def test_a_connection_is_closed_when_the_client_asks(caller: Caller) -> None:
    request = b"GET /_levers/clock HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = raw(caller, request)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"Connection: close" in answer


def test_an_old_client_gets_its_answer_unframed(caller: Caller) -> None:
    answer = raw(caller, b"GET /_levers/clock HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"chunked" not in answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["now"]


def test_a_head_request_gets_no_body(caller: Caller) -> None:
    answer = raw(caller, b"HEAD /_levers/clock HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"POST /services/2/vaulted-shoppers HTTP/1.1\r\nContent-Length: many\r\nConnection: close\r\n\r\n",
    ],
)
def test_nonsense_on_the_wire_harms_nobody(
    caller: Caller, request_bytes: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    assert b"HTTP/1.1 200" not in raw(caller, request_bytes)
    assert caller.lever("clock")["now"]
    assert capfd.readouterr() == ("", "")


def test_requests_are_not_written_to_the_console(caller: Caller, capfd: pytest.CaptureFixture[str]) -> None:
    caller.fill(caller.token(None), {"ccNumber": "4111111111111111"})
    caller.call("GET", "/no-such-thing")
    assert capfd.readouterr() == ("", "")


def test_a_port_outside_loopback_is_never_opened() -> None:
    for host in ("0.0.0.0", "::", "192.168.0.1", "example.com"):
        with pytest.raises(CannotListen, match="loopback"):
            Face("x", host, 0)


def test_a_taken_port_is_said_in_one_line(caller: Caller) -> None:
    port = caller.simulator.protocol.port
    with pytest.raises(CannotListen, match=f"^port {port} on 127.0.0.1 is taken by another program$"):
        Face("x", "127.0.0.1", port)


WORDS = st.sampled_from(
    [
        "firstName",
        "lastName",
        "planId",
        "quantity",
        "paymentSources",
        "paymentSource",
        "creditCardInfo",
        "creditCard",
        "pfToken",
        "amount",
        "status",
        "vaultedShopperId",
        "overrideRecurringChargeAmount",
        "nextChargeDate",
        "autoRenew",
        "threeDSecure",
        "cardType",
        "cardLastFourDigits",
        "name",
        "chargeFrequency",
        "currency",
        "recurringChargeAmount",
        "reason",
        "transactionMetaData",
        "payerInfo",
    ]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([2340001, "USD", "MONTHLY", "5.00"])
)
BODIES = st.dictionaries(
    WORDS,
    st.recursive(
        LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4), max_leaves=8
    ),
)


@pytest.mark.long
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES)
def test_no_body_whatever_makes_a_call_break(caller: Caller, body: Any) -> None:
    caller.world.keys = Keys()
    subscription = next(iter(caller.world.subscriptions), None) or caller.subscription()
    shopper = next(iter(caller.world.shoppers))
    transaction = next(iter(caller.world.charges))
    calls = [
        ("POST", "/vaulted-shoppers"),
        ("PUT", f"/vaulted-shoppers/{shopper}"),
        ("POST", "/recurring/plans"),
        ("PUT", "/recurring/plans/2340002"),
        ("POST", "/recurring/subscriptions"),
        ("PUT", f"/recurring/subscriptions/{subscription}"),
        ("POST", f"/transactions/refund/{transaction}"),
    ]
    text = json.dumps(body)
    assert [call for call in calls if caller.call(*call, data=text).status_code >= 500] == []
    assert all(
        caller.pull(lever, json.loads(text, parse_constant=str)).status_code < 500
        for lever in ("fail", "notices", "behaviour")
    )
