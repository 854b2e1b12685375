"""The shop's backend as a client of Panless: two calls with the API key. The key goes into the Authorization header and nowhere else."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import requests

CONNECT_SECONDS = 3
READ_SECONDS = 20

_GENERAL = "The payment service did not answer as it should. Nothing was charged. Please try again in a minute."
#: What the buyer is told, by the `code` of Panless's problem: (status of our own answer, sentence).
_MESSAGES: dict[str, tuple[int, str]] = {
    "subscription_exists": (409, "This account already has a paid plan."),
    "signup_undecided": (
        409,
        "An earlier payment of this account is still being confirmed. Its result will show on your account page.",
    ),
    "too_many_attempts": (429, "There were too many attempts from here. Please try again in ten minutes."),
    "plan_unknown": (400, "This plan is not on sale. Please choose one from the list of plans."),
    "members_out_of_range": (400, "This number of members cannot be bought here."),
}


@dataclass
class ShopProblem(Exception):
    """Something the buyer is told in one plain sentence; `code` is for the page to branch on."""

    status: int
    code: str
    message: str


@dataclass(frozen=True)
class PanlessApi:
    """Calls with the platform's key. A call that fails in any way raises ShopProblem."""

    url: str
    key: str

    def open_session(self, account: str, plan: str, members: int, client_address: str | None) -> dict[str, Any]:
        """POST /v1/checkout-sessions. Each opening is its own act, hence a fresh key: nothing is bought by it."""
        wanted: dict[str, Any] = {"account": account, "plan": plan, "members": members}
        if client_address:
            wanted["client_address"] = client_address
        return self._call("POST", "/v1/checkout-sessions", body=wanted)

    def access(self, account: str) -> dict[str, Any]:
        """GET /v1/accounts/{account}: what this account may use now, and its subscription."""
        return self._call("GET", f"/v1/accounts/{account}")

    def _call(self, method: str, path: str, *, body: dict[str, Any] | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.key}", "Accept": "application/json"}
        if body is not None:
            headers["Idempotency-Key"] = str(uuid.uuid4())
        try:
            with requests.Session() as session:
                # a netrc entry would replace our Authorization header, a proxy variable would see it
                session.trust_env = False
                answer = session.request(
                    method,
                    self.url + path,
                    json=body,
                    headers=headers,
                    timeout=(CONNECT_SECONDS, READ_SECONDS),
                    allow_redirects=False,
                )
                found = answer.json()
        except requests.RequestException:
            raise ShopProblem(503, "unreachable", _GENERAL) from None
        if not isinstance(found, dict):
            raise ShopProblem(502, "unreadable", _GENERAL)
        if answer.ok:
            return found
        raise _problem(str(found.get("code", "")))


def _problem(code: str) -> ShopProblem:
    if code not in _MESSAGES:
        return ShopProblem(502, "payment_service", _GENERAL)
    status, message = _MESSAGES[code]
    return ShopProblem(status, code, message)
