"""The shop's backend as a client of Panless: every call that needs the API key. The key goes into the Authorization header and nowhere else."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import requests

from .sentences import GENERAL, UNCLEAR, ShopProblem, of_problem

CONNECT_SECONDS = 3
READ_SECONDS = 20
#: A call that charges a card, or changes BlueSnap's record, is answered when BlueSnap has answered (up to 65 s).
PATIENT_SECONDS = 80
CHARGES_PER_PAGE = 100
MOST_PAGES = 20


@dataclass(frozen=True)
class Answer:
    """What Panless answered when it did not refuse. Status 202: ordered, and BlueSnap has not confirmed it yet."""

    status: int
    body: dict[str, Any]

    @property
    def confirmed(self) -> bool:
        """Whether it is done."""
        return self.status != HTTPStatus.ACCEPTED


@dataclass(frozen=True)
class PanlessApi:
    """Calls with the platform's key. A call that fails in any way raises ShopProblem.

    `key` of a call is its Idempotency-Key: the same act asked for twice under one key happens once.
    """

    url: str
    key: str

    def open_session(self, account: str, wanted: dict[str, Any], client_address: str | None) -> dict[str, Any]:
        """POST /v1/checkout-sessions. Each opening is its own act, hence a fresh key: nothing is bought by it."""
        body = {"account": account, **wanted}
        if client_address:
            body["client_address"] = client_address
        return self._call("POST", "/v1/checkout-sessions", body=body, key=str(uuid.uuid4())).body

    def account(self, account: str) -> dict[str, Any]:
        """GET /v1/accounts/{account}: what this account may use now, and its subscription."""
        return self._call("GET", f"/v1/accounts/{account}").body

    def preview(self, account: str, wanted: dict[str, Any]) -> dict[str, Any]:
        """GET …/subscription/preview: what a change would make of the next charge."""
        return self._call("GET", f"/v1/accounts/{account}/subscription/preview", query=wanted).body

    def change(self, account: str, wanted: dict[str, Any], version: int | None) -> Answer:
        """PATCH …/subscription, of the version that the customer has seen."""
        headers = {"If-Match": f'"{version}"'} if version is not None else {}
        return self._act("PATCH", f"/v1/accounts/{account}/subscription", body=wanted, headers=headers)

    def cancel(self, account: str, key: str) -> Answer:
        """POST …/subscription/cancellation: at the end of what is paid."""
        return self._act("POST", f"/v1/accounts/{account}/subscription/cancellation", body={}, key=key)

    def resume(self, account: str) -> Answer:
        """DELETE …/subscription/cancellation: undo it."""
        return self._act("DELETE", f"/v1/accounts/{account}/subscription/cancellation")

    def reactivate(self, account: str, wanted: dict[str, Any], key: str) -> Answer:
        """POST …/subscription/reactivation: after the end, buy again with the stored card."""
        return self._act("POST", f"/v1/accounts/{account}/subscription/reactivation", body=wanted, key=key)

    def card(self, account: str) -> dict[str, Any]:
        """GET …/card: brand and last four, live from BlueSnap."""
        return self._call("GET", f"/v1/accounts/{account}/card").body

    def charges(self, account: str) -> list[dict[str, Any]]:
        """GET …/charges, page by page, oldest first."""
        found: list[dict[str, Any]] = []
        after = None
        for _ in range(MOST_PAGES):
            query = {"limit": CHARGES_PER_PAGE} | ({"after": after} if after else {})
            page = self._call("GET", f"/v1/accounts/{account}/charges", query=query).body
            found += page["charges"]
            after = page["next"]
            if after is None:
                break
        return found

    def has_paid(self, account: str) -> bool:
        """Whether there is a charge at all, of a plan now or long ago."""
        page = self._call("GET", f"/v1/accounts/{account}/charges", query={"limit": 1}).body
        return bool(page["charges"])

    def refund(self, charge: str, key: str) -> Answer:
        """POST /v1/charges/{id}/refunds: all that is left; the plan goes on."""
        body = {"reason": "requested_by_customer", "cancel_subscription": False}
        return self._act("POST", f"/v1/charges/{charge}/refunds", body=body, key=key)

    def _act(self, method: str, path: str, **sent: Any) -> Answer:
        """A call that changes something: if nothing answers, nobody knows whether it did."""
        return self._call(method, path, silence=UNCLEAR, seconds=PATIENT_SECONDS, **sent)

    def _call(
        self, method: str, path: str, *, seconds: int = READ_SECONDS, silence: str = GENERAL, **sent: Any
    ) -> Answer:
        """`sent` may hold `body`, `query`, `headers` and `key`; `silence` is what the customer is told when nothing clear comes back."""
        headers = {"Authorization": f"Bearer {self.key}", "Accept": "application/json", **sent.get("headers", {})}
        if "key" in sent:
            headers["Idempotency-Key"] = sent["key"]
        try:
            with requests.Session() as session:
                # a netrc entry would replace our Authorization header, a proxy variable would see it
                session.trust_env = False
                answer = session.request(
                    method,
                    self.url + path,
                    params=sent.get("query"),
                    json=sent.get("body"),
                    headers=headers,
                    timeout=(CONNECT_SECONDS, seconds),
                    allow_redirects=False,
                )
                found = answer.json() if answer.content else {}
        except requests.RequestException:
            raise ShopProblem(503, "unreachable", silence) from None
        if not isinstance(found, dict):
            raise ShopProblem(502, "unreadable", silence)
        if answer.ok:
            return Answer(answer.status_code, found)
        raise of_problem(answer.status_code, found, silence)
