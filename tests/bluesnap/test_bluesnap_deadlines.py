"""A call ends when it must, however slowly the peer speaks."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep

import pytest
from bluesnap_peers import answer, cause_of, shop, subscribe

from service.bluesnap import deadlines, transport
from service.bluesnap.client import Timeouts
from service.errors import NeverSent

DEADLINES = True


def test_a_body_that_drips_ends_at_the_total_deadline(serve, client_of):
    def handler(peer, server):
        peer.request()
        peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        peer.drip(b" " * 1000, every=0.05)

    client = client_of(serve(handler).url)
    started = monotonic()
    assert cause_of(client.get_plan, "1") == "deadline_passed"
    assert 0.4 < monotonic() - started < 10


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK" + b" " * 500, b"HTTP/1.1 200 OK\r\nX: " + b"y" * 500])
def test_a_head_that_drips_ends_at_the_total_deadline(serve, client_of, head):
    def handler(peer, server):
        peer.request()
        peer.drip(head, every=0.05)

    client = client_of(serve(handler).url)
    started = monotonic()
    assert cause_of(client.create_payment_fields_token) == "deadline_passed"
    assert 0.4 < monotonic() - started < 10


def test_a_body_that_stops_half_way_ends_at_the_total_deadline(serve, client_of):
    def handler(peer, server):
        peer.request()
        peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
        peer.stopped.wait(30)

    client = client_of(serve(handler).url)
    started = monotonic()
    assert cause_of(client.get_plan, "1") == "deadline_passed"
    assert monotonic() - started < 10


def test_endless_continue_answers_end_at_the_total_deadline(serve, client_of):
    def handler(peer, server):
        peer.request()
        while not peer.stopped.wait(0.02):
            peer.say(b"HTTP/1.1 100 Continue\r\n\r\n")

    assert cause_of(client_of(serve(handler).url).create_payment_fields_token) == "deadline_passed"


def test_silence_ends_at_the_read_timeout_and_is_not_tried_again(serve, client_of):
    def handler(peer, server):
        server.requests.append(peer.request())
        peer.stopped.wait(5)

    server = serve(handler)
    client = client_of(server.url, timeouts=Timeouts(read=0.2, total=20))
    started = monotonic()
    assert cause_of(client.get_plan, "1") == "read_timed_out"
    assert 0.1 < monotonic() - started < 10
    assert len(server.requests) == 1


def test_a_charging_call_may_take_longer_than_the_others(serve, client_of):
    def handler(peer, server):
        while request := peer.request():
            peer.stopped.wait(0.7)
            peer.say(answer(b'{"subscriptionId":7,"vaultedShopperId":2}'))
            assert request

    client = client_of(serve(handler).url)
    assert subscribe(client).subscription_id == "7"
    assert cause_of(shop, client) == "deadline_passed"


def test_a_peer_that_stops_reading_ends_at_a_deadline(serve, client_of):
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    server = serve(lambda peer, _server: peer.stopped.wait(5), listener=listener)
    long = transport.Ask("POST", "vaulted-shoppers", body=b"x" * 20_000_000)
    assert cause_of(client_of(server.url)._transport.exchange, long) in {"deadline_passed", "read_timed_out"}


def test_calls_of_several_threads_keep_their_own_deadlines(serve, client_of):
    def handler(peer, server):
        while request := peer.request():
            if b"/plans/9" in request:
                peer.drip(answer(), every=0.05)
            else:
                peer.say(answer())

    client = client_of(serve(handler).url)
    with ThreadPoolExecutor(8) as pool:
        slow = [pool.submit(cause_of, client.get_plan, "9") for _ in range(4)]
        quick = [pool.submit(client.get_plan, "2340001") for _ in range(100)]
        assert {one.result().plan_id for one in quick} == {"2340001"}
        assert {one.result() for one in slow} == {"deadline_passed"}


def silent(peer, server):
    server.requests.append(peer.request())
    peer.stopped.wait(20)


@pytest.mark.parametrize("call", [shop, subscribe])
def test_call_has_no_more_time_than_what_it_is_part_of(serve, client_of, call):
    patient = Timeouts(connect=0.1, read=30, total=30, charging_connect=0.1, charging_read=30, charging_total=30)
    server = serve(silent)
    client = client_of(server.url, timeouts=patient)
    started = monotonic()
    with deadlines.held_to(started + 0.5):
        assert cause_of(call, client) == "deadline_passed"
    assert 0.4 < monotonic() - started < 10
    assert len(server.requests) == 1


@pytest.mark.parametrize("call", [shop, subscribe])
def test_call_that_has_hardly_time_to_connect_is_not_made(serve, client_of, call):
    server = serve(silent)
    client = client_of(server.url)
    # to connect takes up to 0.4 s here
    with deadlines.held_to(monotonic() + 0.3), pytest.raises(NeverSent, match="no_time_left"):
        call(client)
    assert server.requests == []


def test_second_call_gets_what_the_first_one_left(serve, client_of, answering):
    server = serve(answering(answer()))
    client = client_of(server.url)
    with deadlines.held_to(monotonic() + 0.6):
        client.get_plan("1")
        sleep(0.4)
        with pytest.raises(NeverSent, match="no_time_left"):
            client.get_plan("1")
    client.get_plan("1")
    assert len(server.requests) == 2
