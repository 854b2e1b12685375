"""The list of a whole account: page by page, each in its own time, and never without end."""

from __future__ import annotations

import json
from itertools import islice

import pytest
from bluesnap_peers import answer

from service.bluesnap import subscription_calls
from service.bluesnap.client import Timeouts
from service.errors import RetryLater, Unknown

PATH = "http://127.0.0.1:1/services/2/recurring/subscriptions"


def page(*ids, last=False, **more):
    return {"subscriptions": [{"subscriptionId": number, **more} for number in ids], "lastPage": last}


def ids(found):
    return [int(one.subscription_id) for one in found]


def test_pages_follow_each_other_by_the_last_id(mocked, client):
    for body in (page(9, 8), page(3, 7), page(1, last=True)):
        mocked.get(PATH, json=body)
    assert ids(client.iterate_subscriptions("ACTIVE")) == [9, 8, 3, 7, 1]
    asked = [(call.request.params["pagesize"], call.request.params.get("after")) for call in mocked.calls]
    assert asked == [("500", None), ("500", "8"), ("500", "7")]


def test_a_page_is_asked_for_when_it_is_needed(mocked, client):
    mocked.get(PATH, json=page(9, 8))
    assert ids(islice(client.iterate_subscriptions(), 2)) == [9, 8]
    assert len(mocked.calls) == 1


def test_arguments_are_checked_before_anything_is_iterated(client):
    for given in ({"status": "active"}, {"status": "x&y=1"}, {"after": "1,2"}):
        with pytest.raises(ValueError, match="BlueSnap"):
            client.iterate_subscriptions(**given)


def test_each_page_is_observed_by_itself(mocked, client_of):
    seen: list[str] = []
    client = client_of("http://127.0.0.1:1", observe=lambda call, outcome, _seconds: seen.append(f"{call} {outcome}"))
    mocked.get(PATH, json=page(9))
    mocked.get(PATH, status=429)
    with pytest.raises(RetryLater):
        list(client.iterate_subscriptions())
    assert seen == ["iterate_subscriptions ok", "iterate_subscriptions retry_later"]


def test_each_page_has_the_time_of_a_call(serve, client_of):
    def handler(peer, server):
        for number in range(12, 0, -1):
            if not peer.request() or peer.stopped.wait(0.1):
                return
            peer.say(answer(json.dumps(page(number, last=number == 1)).encode()))

    client = client_of(serve(handler).url, timeouts=Timeouts(connect=1, read=30, total=1))
    assert ids(client.iterate_subscriptions()) == list(range(12, 0, -1))


@pytest.mark.parametrize(
    ("pages", "asked"), [([[5], [5]], 2), ([[5], [6], [5]], 3), ([[6], []], 2), ([[1], [2], [3], [4]], 4)]
)
def test_a_list_that_turns_in_a_circle_or_does_not_end_is_unknown(mocked, client, monkeypatch, pages, asked):
    monkeypatch.setattr(subscription_calls, "_MOST_SWEEP_PAGES", 4)
    for one in pages:
        mocked.get(PATH, json=page(*one))
    with pytest.raises(Unknown, match="endless_list"):
        list(client.iterate_subscriptions())
    assert len(mocked.calls) == asked


def test_a_page_of_five_hundred_full_descriptions_is_read(mocked, client):
    mocked.get(PATH, json=page(*range(500, 0, -1), last=True, padding="x" * 4000))
    assert len(list(client.iterate_subscriptions())) == 500


def test_an_endless_page_is_left_unread(mocked, client):
    mocked.get(PATH, body=b" " * (8 * 1024 * 1024 + 1))
    with pytest.raises(Unknown, match="answer_too_large"):
        list(client.iterate_subscriptions())
