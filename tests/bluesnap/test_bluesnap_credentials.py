"""Two pairs of credentials while they are changed: what BlueSnap refuses for one goes again with the other, and nothing else does."""

from __future__ import annotations

import base64
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from bluesnap_peers import subscribe

from service.bluesnap.credentials import Credentials
from service.errors import Misconfigured, Unknown

FIRST, OTHER = ("API_1", "the-first-word"), ("API_1", "the-other-word")
OK = (
    b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 34\r\n\r\n{"plans": [], "lastPage": true}   '
)
NO = b"HTTP/1.1 401 Unauthorized\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n"
BROKEN = b"HTTP/1.1 500 Broken\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n"


class Gatekeeper:
    """BlueSnap, as far as it lets one pair in or another; `sent` is who came, in order."""

    def __init__(self, *pairs, answer=OK):
        self.pairs, self.answer, self.sent = list(pairs), answer, []

    def __call__(self, peer, server):
        while request := peer.request():
            (text,) = [
                line[21:] for line in request.split(b"\r\n") if line.lower().startswith(b"authorization: basic ")
            ]
            who = tuple(base64.b64decode(text).decode().split(":", 1))
            self.sent.append(who)
            server.requests.append(request)
            peer.say(self.answer if who in self.pairs else NO)


@pytest.fixture
def two(serve, client_of):
    """A client with two pairs, and who it was told was refused."""

    def make(gatekeeper):
        told = []
        made = client_of(serve(gatekeeper).url, user=FIRST[0], password=FIRST[1], other=OTHER, refused=told.append)
        return made, told

    return make


def test_first_pair_alone_is_sent_while_it_is_taken(two):
    gate = Gatekeeper(FIRST, OTHER)
    client, told = two(gate)
    for _ in range(3):
        client.list_plans()
    assert (gate.sent, told) == ([FIRST] * 3, [])


def test_refused_call_goes_again_with_the_other_pair_which_stays(two):
    gate = Gatekeeper(OTHER)
    client, told = two(gate)
    for _ in range(3):
        client.list_plans()
    assert (gate.sent, told) == ([FIRST, OTHER, OTHER, OTHER], ["first"])


def test_pair_that_ends_while_in_use_gives_way_both_ways(two):
    gate = Gatekeeper(FIRST)
    client, told = two(gate)
    for pairs in ([FIRST], [OTHER], [FIRST]):
        gate.pairs = pairs
        client.list_plans()
    assert (gate.sent, told) == ([FIRST, FIRST, OTHER, OTHER, FIRST], ["first", "other"])


def test_call_that_both_pairs_are_refused_is_made_twice_and_no_more(two):
    gate = Gatekeeper()
    client, told = two(gate)
    with pytest.raises(Misconfigured):
        client.list_plans()
    assert (gate.sent, told) == ([FIRST, OTHER], ["first", "other"])


def test_writing_call_goes_again_with_the_same_key_and_body(serve, client_of):
    server = serve(Gatekeeper(OTHER, answer=b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"))
    client = client_of(server.url, user=FIRST[0], password=FIRST[1], other=OTHER)
    with pytest.raises(Unknown):  # an empty answer says nothing of what was made, so it is not made a third time
        subscribe(client)
    first, again = server.requests
    assert b"idempotency-key: " in first.lower()
    assert first.replace(_sent(FIRST), b"") == again.replace(_sent(OTHER), b"")


def _sent(pair):
    return base64.b64encode(":".join(pair).encode())


def test_call_of_unknown_outcome_is_not_made_with_the_other_pair(two):
    gate = Gatekeeper(FIRST, OTHER, answer=BROKEN)
    client, told = two(gate)
    with pytest.raises(Unknown):
        client.create_payment_fields_token()
    assert (gate.sent, told) == ([FIRST], [])


def test_calls_at_the_same_time_all_find_the_pair_that_is_taken(two):
    gate = Gatekeeper(FIRST)
    client, _ = two(gate)
    barrier = threading.Barrier(8)

    def call(number):
        for turn in range(6):
            barrier.wait(20)
            if number == 0:
                gate.pairs = [(FIRST, OTHER)[turn % 2]]
            barrier.wait(20)
            client.list_plans()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(call, range(8))) == [None] * 8
    assert set(gate.sent) == {FIRST, OTHER}


@pytest.mark.parametrize("pair", [("", "p"), ("u:", "p"), ("u", ""), ("ü", "p"), ("u", "p\n")])
def test_pair_that_cannot_be_sent_is_refused_unnamed(pair):
    with pytest.raises(ValueError, match="printable ASCII") as told:
        Credentials([pair])
    assert pair[1] not in str(told.value) or len(pair[1]) < 2
