"""What a reference of 3-D Secure is worth in the vault, and when a card is asked for one."""

from __future__ import annotations

from typing import Any

import pytest
from simulator_caller import PAYER, Caller, error_name

NEEDED = "THREE_D_SECURITY_AUTHENTICATION_REQUIRED"
ASKED = "STRONG_CUSTOMER_AUTHENTICATION_REQUIRED"


def run(caller: Caller, card: str = "three_d_secure", outcome: str = "pass") -> tuple[str, str]:
    """A filled token and the reference of its run."""
    token = caller.token(None)
    answer = caller.lever("fill", {"token": token, "card": card, "three_d_secure": outcome})
    return token, answer["three_d_secure_reference"]


def with_reference(reference: object) -> dict[str, Any]:
    return {"threeDSecure": {"threeDSecureReferenceId": reference}}


def test_a_passed_run_lets_the_card_into_the_vault(caller: Caller) -> None:
    token, reference = run(caller)
    assert reference.isdecimal()
    assert len(reference) <= 12
    answer = caller.vault(token=token, **with_reference(reference))
    assert answer.status_code == 200
    subscribed = caller.subscribe(vaultedShopperId=answer.json()["vaultedShopperId"], **with_reference(reference))
    assert subscribed.status_code == 200


def test_a_reference_may_be_sent_as_a_number(caller: Caller) -> None:
    token, reference = run(caller)
    assert caller.vault(token=token, **with_reference(int(reference))).status_code == 200


def test_a_failed_run_is_worth_nothing(caller: Caller) -> None:
    token, reference = run(caller, outcome="fail")
    assert error_name(caller.vault(token=token, **with_reference(reference))) == NEEDED


def test_a_reference_counts_for_its_own_token_only(caller: Caller) -> None:
    _, reference = run(caller)
    other, _ = run(caller)
    assert error_name(caller.vault(token=other, **with_reference(reference))) == NEEDED
    fresh = caller.token("three_d_secure")
    assert error_name(caller.vault(token=fresh, **with_reference(reference))) == NEEDED


def test_a_reference_counts_once(caller: Caller) -> None:
    token, reference = run(caller)
    caller.vault(token=token, **with_reference(reference))
    again = caller.token("three_d_secure")
    assert error_name(caller.vault(token=again, **with_reference(reference))) == NEEDED


@pytest.mark.parametrize(("switch", "status"), [("any", 200), ("issued", 400)])
def test_a_reference_from_elsewhere_counts_by_behaviour(caller: Caller, switch: Any, status: Any) -> None:
    caller.lever("behaviour", {"three_d_secure_reference": switch})
    assert caller.vault("three_d_secure", **with_reference("12345678")).status_code == status


@pytest.mark.parametrize("reference", ["abc", True, "1" * 20, {"id": 1}])
def test_a_reference_that_is_no_number_is_refused(caller: Caller, reference: Any) -> None:
    assert error_name(caller.vault("visa", **with_reference(reference))) == "VALIDATION_GENERAL_FAILURE"


def test_every_card_can_be_asked_for_authentication(caller: Caller) -> None:
    caller.lever("behaviour", {"authentication_required": "always"})
    assert error_name(caller.vault("visa")) == ASKED
    token, reference = run(caller, "visa")
    assert caller.vault(token=token, **with_reference(reference)).status_code == 200


def test_a_stored_card_can_be_asked_when_it_is_charged(caller: Caller) -> None:
    shopper = caller.shopper("visa")
    caller.lever("behaviour", {"authentication_required": "always"})
    assert error_name(caller.subscribe(vaultedShopperId=shopper)) == ASKED


def test_renewals_are_never_asked_for_authentication(caller: Caller) -> None:
    caller.seeded()
    caller.lever("behaviour", {"authentication_required": "always"})
    caller.lever("clock", {"advance": "P1M"})
    assert len(caller.ledger("charge")) == 2


def test_a_card_added_with_a_passed_run_can_be_used(caller: Caller) -> None:
    shopper = caller.shopper("visa")
    token, reference = run(caller)
    body = PAYER | {"paymentSources": {"creditCardInfo": [{"pfToken": token}]}} | with_reference(reference)
    assert caller.call("PUT", f"/vaulted-shoppers/{shopper}", json=body).status_code == 200


def test_where_it_is_off_no_run_can_be_made(caller: Caller) -> None:
    caller.lever("behaviour", {"three_d_secure": "off"})
    body = {"token": caller.token(None), "card": "visa", "three_d_secure": "pass"}
    assert "NOT_ENABLED" in caller.pull("fill", body).json()["error"]


def test_a_run_ends_in_one_of_two_ways(caller: Caller) -> None:
    body = {"token": caller.token(None), "card": "visa", "three_d_secure": "maybe"}
    assert caller.pull("fill", body).status_code == 400
