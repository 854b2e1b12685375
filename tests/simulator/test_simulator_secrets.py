"""Credentials and the signing key can be changed while it runs, as a merchant does in BlueSnap's console."""

from __future__ import annotations

import pytest
from simulator_caller import signature_fits

FIRST = {"user": "API_1000000001", "password": "simulator-password-1"}
OTHER = {"user": "API_1000000002", "password": "another-made-up-word"}


def status(caller, pair):
    return caller.call("GET", "/recurring/plans", auth=(pair["user"], pair["password"])).status_code


def test_two_pairs_are_taken_until_one_is_dropped(caller):
    assert caller.lever("secrets", {"accept": [FIRST, OTHER]})["accepted"] == [FIRST["user"], OTHER["user"]]
    assert [status(caller, pair) for pair in (FIRST, OTHER)] == [200, 200]
    caller.lever("secrets", {"accept": [OTHER]})
    assert [status(caller, pair) for pair in (FIRST, OTHER)] == [401, 200]
    caller.lever("reset", {})
    assert [status(caller, pair) for pair in (FIRST, OTHER)] == [200, 401]


def test_notices_are_signed_with_the_key_that_was_changed_to(caller, receiver):
    caller.lever("secrets", {"webhook_key": "another-key-that-signs-notices"})
    caller.lever("notices", {"compose": {"transactionType": "CHARGE"}})
    receiver.wait(1)
    assert signature_fits(receiver.deliveries[0], "another-key-that-signs-notices")
    assert not signature_fits(receiver.deliveries[0])


@pytest.mark.parametrize(
    "wrong",
    [
        {"accept": "both"},
        {"accept": [FIRST] * 3},
        {"accept": [{"user": "API_1"}]},
        {"accept": [{**FIRST, "more": "x"}]},
        {"webhook_key": ""},
        {"webhook_key": 7},
        {"password": "x"},
    ],
)
def test_what_the_lever_does_not_understand_changes_nothing(caller, wrong):
    answer = caller.pull("secrets", wrong)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])
    assert status(caller, FIRST) == 200


def test_no_password_or_key_is_repeated(caller):
    told = caller.lever("secrets", {"accept": [FIRST, OTHER], "webhook_key": "another-key-that-signs-notices"})
    assert told == {"accepted": [FIRST["user"], OTHER["user"]], "webhook_key_changed": True}
