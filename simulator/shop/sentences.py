"""What customers are told when Panless refuses something: one plain sentence for each of its codes. Nothing that Panless wrote is ever shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

GENERAL = "The payment service did not answer as it should. Nothing was charged. Please try again in a minute."
UNCLEAR = "The payment service did not answer, so it is not clear whether this was done. It is safe to try again: it happens once at most."
_ELSEWHERE = "Your plan was changed elsewhere in the meantime. This is how it stands now; please choose again."

#: By the `code` of Panless's problem: (status of our own answer, sentence).
_MESSAGES: dict[str, tuple[int, str]] = {
    "subscription_exists": (409, "This account already has a paid plan."),
    "signup_undecided": (
        409,
        "An earlier payment of this account is still being confirmed. Its result will show on the page of your plan.",
    ),
    "idempotency_key_in_progress": (503, "This is under way already. Please look again in a moment."),
    "too_many_attempts": (429, "There were too many attempts from here. Please try again in ten minutes."),
    "plan_unknown": (400, "This plan is not on sale. Please choose one from the list of plans."),
    "members_out_of_range": (400, "This number of members cannot be bought here."),
    "subscription_not_found": (409, "This account has no plan that this could be done with."),
    "subscription_changed": (409, _ELSEWHERE),
    "version_wrong": (409, _ELSEWHERE),
    "subscription_canceled": (409, "The plan is cancelled. Undo the cancellation first, then change it."),
    "subscription_disputed": (409, "A payment of this plan is disputed. It cannot be changed before that is settled."),
    "card_not_found": (404, "There is no card on file."),
    "cards_alike": (409, "Two cards on file cannot be told apart. Please choose a plan and type the one to pay with."),
    "charge_not_found": (404, "There is no such payment."),
    "charge_disputed": (409, "This payment is disputed. It cannot be refunded before that is settled."),
    "refund_above_remainder": (409, "Less is left of this payment than that."),
    "refund_refused": (409, "The payment provider does not refund this payment."),
}
#: By the `reason` of a declined charge of the stored card.
_DECLINES = {
    "insufficient_funds": "The stored card does not cover this.",
    "card_expired": "The stored card has expired.",
    "incorrect_details": "The bank does not take the stored card any more.",
    "call_issuer": "The bank declined the stored card and asks you to call it.",
    "authentication_required": "The bank wants you to confirm this yourself.",
}


@dataclass
class ShopProblem(Exception):
    """Something the customer is told in one plain sentence; `code` is for the page to branch on."""

    status: int
    code: str
    message: str


def of_problem(status: int, problem: Mapping[str, Any], silence: str) -> ShopProblem:
    """What Panless refused, in the shop's words; `silence` where a failure of its own leaves open what was done."""
    code = str(problem.get("code", ""))
    if code == "card_declined":
        cause = _DECLINES.get(str(problem.get("reason")), "The bank declined the stored card.")
        return ShopProblem(
            402, code, f"{cause} Nothing was charged. Please choose a plan and type your card, or another one."
        )
    if code in _MESSAGES:
        known, message = _MESSAGES[code]
        return ShopProblem(known, code, message)
    # behind "bluesnap_…" BlueSnap was not reached or refused; any other failure may have come after the act
    undecided = status >= 500 and not code.startswith("bluesnap_")
    return ShopProblem(503, "unreachable", silence) if undecided else ShopProblem(502, "payment_service", GENERAL)
