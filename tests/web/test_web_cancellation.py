"""Cancelling over HTTP: what the platform is answered, and that the same key does it once."""

from __future__ import annotations

import pytest

from service.errors import Unknown
from tests.support.web import new_key, problem


@pytest.fixture
def bought(web):
    """A subscription, as its purchase was answered."""
    return web.complete(web.open()).json


def test_cancellation_is_answered_with_the_subscription_that_does_not_renew(web, bought):
    answer = web.cancel()
    assert answer.status_code == 200
    assert (answer.json["renews"], answer.json["next_charge"], answer.json["pending_change"]) == (False, None, None)
    assert answer.json["paid_until"] == bought["paid_until"]
    assert answer.headers["ETag"] == f'"{answer.json["version"]}"'
    assert web.account().json["access"] == {
        "plan": "team", "members": 10, "until": bought["paid_until"], "reason": "canceled",
    }  # fmt: skip


def test_undoing_is_answered_with_nothing(web, bought):
    web.cancel()
    answer = web.cancel(method="DELETE")
    assert (answer.status_code, answer.data) == (204, b"")
    assert web.account().json["subscription"]["renews"] is True


def test_same_key_cancels_once_and_is_answered_alike(web, bought):
    key = new_key()
    first = web.cancel(key=key)
    web.cancel(method="DELETE")
    again = web.cancel(key=key)
    assert (again.status_code, again.json) == (200, first.json)
    assert web.account().json["subscription"]["renews"] is True


def test_unknown_outcome_is_202_with_the_pending_change(web, bought):
    web.bluesnap.script("update_subscription", Unknown("read_timed_out"))
    answer = web.cancel()
    assert (answer.status_code, answer.json["pending_change"], answer.json["renews"]) == (202, "cancellation", True)
    assert web.account().json["subscription"]["pending_change"] == "cancellation"


def test_right_version_is_taken(web, bought):
    assert web.cancel(headers={"If-Match": f'"{bought["version"]}"'}).status_code == 200


@pytest.mark.parametrize("tag", ["*", 'W/"2"', '"2", "3"', "123456789012", '"1234567890"'])
def test_other_entity_tags_are_refused_and_not_repeated(web, bought, tag):
    answer = web.cancel(headers={"If-Match": tag})
    problem(answer, 400, "if_match_malformed")
    assert "1234" not in answer.text


def test_account_alphabet_holds_here_too(web):
    problem(web.cancel("1234567890123"), 422, "account_malformed")


def test_reading_right_is_not_enough_to_cancel(web, bought):
    _, reader = web.new_key("accounts:read")
    path = "/v1/accounts/acct-a/subscription/cancellation"
    problem(web.post(path, {}, auth=reader), 403, "scope_missing")
    problem(web.call("DELETE", path, auth=reader), 403, "scope_missing")


def test_same_key_under_another_condition_is_another_request(web, bought):
    key = new_key()
    assert web.cancel(key=key, headers={"If-Match": f'"{bought["version"]}"'}).status_code == 200
    problem(web.cancel(key=key, headers={"If-Match": '"999"'}), 422, "idempotency_key_reused")
