"""The proxy of the fault suite: each toxic does what it says, to whom it says, and is counted."""

from __future__ import annotations

import socket
import socketserver
import threading
import time

import pytest

from tests.faults.faults_proxy import Proxy
from tests.journeys.journeys_stage import eventually

pytestmark = pytest.mark.faults
SAID = b"0123456789"
LENGTH = len(SAID)


class Echo(socketserver.BaseRequestHandler):
    """Says back what it hears, and remembers it."""

    def handle(self):
        while piece := self._next():
            self.server.heard.append(piece)
            self.request.sendall(piece)

    def _next(self):
        try:
            return self.request.recv(65_536)
        except OSError:
            return b""


@pytest.fixture(scope="module")
def server():
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        server.heard = []
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def proxy(server):
    server.heard.clear()
    with Proxy("127.0.0.1", server.server_address[1]) as proxy:
        yield proxy


@pytest.fixture
def call(proxy):
    """Connections through the proxy, closed at the end."""
    made = []

    def connect():
        made.append(socket.create_connection(("127.0.0.1", proxy.port), timeout=30))
        return made[-1]

    yield connect
    for one in made:
        one.close()


def heard(connection, number=LENGTH):
    """So many bytes, or those that come until the end; the end by reset is told as such."""
    found = b""
    while len(found) < number:
        try:
            piece = connection.recv(number - len(found))
        except ConnectionResetError:
            return found, "reset"
        if not piece:
            return found, "end"
        found += piece
    return found, "open"


def refused(call):
    """Whether a connection is reset at once: while it is made, or right after."""
    try:
        return heard(call()) == (b"", "reset")
    except ConnectionResetError:
        return True


def say(connection):
    """Send; the other side may have gone already."""
    connection.sendall(SAID)
    return connection


def test_an_honest_way_passes_everything_both_ways(proxy, call):
    assert heard(say(call())) == (SAID, "open")
    assert {name: times for name, times in proxy.counts.items() if times} == {"connections": 1}


@pytest.mark.parametrize("way", ["up", "down"])
def test_latency_holds_each_piece_back_so_long(proxy, call, way):
    proxy.set(**{f"latency_{way}": 0.3})
    begun = time.monotonic()
    assert heard(say(call())) == (SAID, "open")
    assert time.monotonic() - begun >= 0.3
    assert proxy.counts["delayed"] == 1


def test_a_cut_on_the_way_up_lets_so_many_bytes_through(proxy, call, server):
    proxy.set(cut_up_after=4)
    assert heard(say(call()))[1] in {"end", "reset"}
    eventually(lambda: b"".join(server.heard) == SAID[:4])
    assert proxy.counts["cut"] == 1


@pytest.mark.parametrize(("reset", "how"), [(False, "end"), (True, "reset")])
def test_a_cut_on_the_way_down_ends_the_answer_as_told(proxy, call, *, reset, how):
    proxy.set(cut_down_after=4, reset=reset)
    found, ended = heard(say(call()))
    assert ended == how
    assert found in {SAID[:4], b""} if reset else found == SAID[:4]  # a reset may overtake the bytes before it
    assert proxy.counts["reset" if reset else "cut"] == 1


def test_a_cut_after_no_byte_lets_none_through(proxy, call, server):
    proxy.set(cut_up_after=0)
    assert heard(say(call()))[0] == b""
    assert server.heard == []


@pytest.mark.parametrize("way", ["up", "down"])
def test_drip_sends_single_bytes_with_a_pause_after_each(proxy, call, way):
    proxy.set(**{f"drip_{way}": 0.03})
    begun = time.monotonic()
    assert heard(say(call())) == (SAID, "open")
    assert time.monotonic() - begun >= 0.03 * (len(SAID) - 1)
    assert proxy.counts["dripped"] >= 1


@pytest.mark.parametrize("way", ["up", "down"])
def test_what_is_swallowed_vanishes_and_the_connection_stays(proxy, call, server, way):
    proxy.set(**{f"swallow_{way}": True})
    connection = say(call())
    eventually(lambda: proxy.counts["swallowed"] == 1)
    connection.settimeout(0.3)
    with pytest.raises(TimeoutError):
        connection.recv(1)
    assert b"".join(server.heard) == (b"" if way == "up" else SAID)
    assert connection.send(b"x") == 1


def test_a_refused_connection_ends_at_once_and_reaches_nobody(proxy, call, server):
    proxy.set(refuse=True)
    assert refused(call)
    assert server.heard == []
    assert proxy.counts["refused"] == 1


def test_a_toxic_for_one_connection_spares_the_next(proxy, call):
    proxy.set(refuse=True, connections=1)
    assert refused(call)
    assert heard(say(call())) == (SAID, "open")
    assert proxy.counts == {**proxy.counts, "connections": 2, "refused": 1}


def test_what_is_set_later_slows_connections_that_are_there(proxy, call):
    connection = call()
    assert heard(say(connection)) == (SAID, "open")
    proxy.set(swallow_down=True)
    connection.settimeout(0.3)
    say(connection)
    with pytest.raises(TimeoutError):
        connection.recv(1)
    assert proxy.counts["swallowed"] == 1


def test_a_connection_that_was_there_before_is_not_cut(proxy, call):
    connection = call()
    assert heard(say(connection)) == (SAID, "open")
    proxy.set(cut_down_after=0)
    assert heard(say(connection)) == (SAID, "open")
    assert heard(say(call()))[0] == b""


def test_the_way_is_good_again_after_the_block(proxy, call):
    with proxy.bad(refuse=True):
        assert refused(call)
    assert heard(say(call())) == (SAID, "open")


@pytest.mark.parametrize(("reset", "how"), [(True, "reset"), (False, "end")])
def test_dropping_all_ends_every_connection_there_is(proxy, call, *, reset, how):
    connections = [call(), call()]
    assert [heard(say(one)) for one in connections] == [(SAID, "open")] * 2
    assert proxy.drop_all(reset=reset) == 2
    assert [heard(one)[1] for one in connections] == [how] * 2
    assert proxy.counts["reset" if reset else "cut"] == 2
    assert heard(say(call())) == (SAID, "open")


def test_the_end_of_the_server_is_passed_on(call, proxy):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy.upstream_of(lambda: listener.getsockname()[1])
        connection = call()
        accepted, _ = listener.accept()
        accepted.sendall(SAID)
        accepted.close()
        assert heard(connection, 99) == (SAID, "end")


def test_nobody_behind_the_proxy_ends_the_connection(call, proxy):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = listener.getsockname()[1]
    proxy.upstream_of(lambda: free)
    assert refused(call)
