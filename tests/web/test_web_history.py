"""The past of an account over HTTP: its entries page by page, and what it was at a moment, told as it was told then."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.errors import Unknown
from tests.support.past import lose, moment, written
from tests.support.web import problem

TEN = {"reason": "duplicate", "amount": {"amount": "10.00", "currency": "USD"}}


def history(web, account="acct-a", query="", auth=None):
    return web.call("GET", f"/v1/accounts/{account}/history{query}", auth=auth or web.key)


def state_at(web, at, account="acct-a"):
    answer = history(web, account, f"?at={written(at)}")
    assert answer.status_code == 200, answer.json
    assert (answer.json["entries"], answer.json["next"]) == ([], None)
    return answer.json["state"]


def told_now(web):
    """What the doors tell of the account at present."""
    charges = web.call("GET", "/v1/accounts/acct-a/charges", auth=web.key).json["charges"]
    return web.account().json | {"charges": charges}


def cancel(web):
    assert web.cancel().status_code == 200


def resume(web):
    assert web.call("DELETE", "/v1/accounts/acct-a/subscription/cancellation", auth=web.key).status_code == 204


def grow(web):
    answer = web.call(
        "PATCH", "/v1/accounts/acct-a/subscription", auth=web.key, json={"plan": "business", "members": 12}
    )
    assert answer.status_code == 200


def give_back(web):
    charge = told_now(web)["charges"][0]["id"]
    assert web.post(f"/v1/charges/{charge}/refunds", TEN, auth=web.key).status_code == 201


def be_in_doubt(web):
    web.bluesnap.script("update_subscription", Unknown("read_timed_out"))
    assert web.cancel().status_code == 202


@pytest.mark.by_hand
def test_every_state_is_told_later_as_it_was_told_then(web):
    """Also after all of its rows were deleted by hand."""
    moments = [(moment(web.tools.engine), told_now(web))]
    for deed in (lambda _: web.complete(web.open()), cancel, resume, grow, give_back, be_in_doubt):
        deed(web)
        moments.append((moment(web.tools.engine), told_now(web)))
    assert lose(web.tools.engine)["charges"] == 1
    moments.append((moment(web.tools.engine), told_now(web)))
    for at, told in moments:
        state = state_at(web, at)
        assert state.pop("at")[:19] == written(at)[:19]
        assert state == told
    assert len({str(told) for _, told in moments}) == 7


def test_entries_are_paged_oldest_first_and_each_is_shown_once(web):
    web.complete(web.open())
    web.complete(web.open(account="acct-b"))
    whole = history(web).json
    assert (whole["state"], whole["next"]) == (None, None)
    numbers = [entry["number"] for entry in whole["entries"]]
    assert numbers == sorted(numbers)
    assert {entry["account"] for entry in whole["entries"]} == {"acct-a"}
    assert [whole["entries"][0]["act"], whole["entries"][-1]["act"]] == ["session.opened", "session.completed"]
    found, after = [], ""
    while after is not None:
        page = history(web, query=f"?limit=3{after}").json
        assert 1 <= len(page["entries"]) <= 3
        found += page["entries"]
        after = page["next"] and f"&after={page['next']}"
    assert found == whole["entries"]


@pytest.mark.by_hand
def test_deletion_by_hand_is_in_the_history_with_its_login(web):
    web.complete(web.open())
    lose(web.tools.engine)
    last = history(web).json["entries"][-1]
    assert last["act"] == "hand.deleted"
    assert last["actor"].startswith("login:")


def test_account_that_was_not_there_yet_was_free(web):
    before = moment(web.tools.engine)
    web.complete(web.open())
    state = state_at(web, before)
    assert (state["access"]["plan"], state["subscription"], state["charges"]) == ("community", None, [])
    assert history(web, "acct-never").json == {"account": "acct-never", "state": None, "entries": [], "next": None}


def test_moment_may_be_written_in_any_zone(web):
    web.complete(web.open())
    at = moment(web.tools.engine)
    web.cancel()
    there = (at + timedelta(hours=5, minutes=30)).replace(tzinfo=None).isoformat(timespec="microseconds")
    assert history(web, query=f"?at={there}%2B05:30").json["state"]["subscription"]["renews"] is True


@pytest.mark.parametrize(
    "at", ["2031-03-10", "2031-03-10T12:00:00", "2031-02-30T12:00:00Z", "now", "0001-01-01T00:00:00Z"]
)
def test_moment_without_zone_or_on_no_day_is_refused(web, at):
    body = problem(history(web, query=f"?at={at}"), 422, "moment_malformed")
    assert [one["pointer"] for one in body["errors"]] == ["/at"]


def test_card_number_written_as_a_moment_is_card_data(web):
    problem(history(web, query="?at=4111-1111-1111-1111"), 422, "card_data_refused")


def test_moment_to_come_and_a_cursor_beside_a_moment_are_refused(web):
    soon = written(moment(web.tools.engine) + timedelta(minutes=1))
    problem(history(web, query=f"?at={soon}"), 422, "moment_in_future")
    past = written(moment(web.tools.engine))
    problem(history(web, query=f"?at={past}&after={'b' * 30}"), 422, "field_not_allowed")
    problem(history(web, "a.b"), 422, "account_malformed")


def test_history_takes_the_scope_of_reading_accounts(web):
    problem(history(web, auth=web.new_key("entries:read")[1]), 403, "scope_missing")
