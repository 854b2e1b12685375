"""An honest customer of the private copy: buys, changes, is refunded and cancels, so that every store is used. Never sends anything that a real one would not.

The payer's name and address, the account's name and the secrets are canaries of their own kinds.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from service.evidence import belongings, wire
from service.evidence.asking import Ground
from service.evidence.belongings import OWN_SESSION
from service.evidence.canaries import Canary, marker

SESSIONS = "/v1/checkout-sessions"
_QUIET = "of the open session"


class Copy(Protocol):
    """What a customer needs of the private copy (`service.evidence.stand.Stand`)."""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the service."""

    def lever(self, name: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """A lever of the simulator."""

    def settle(self) -> None:
        """Wait until nothing is under way."""


@dataclass(frozen=True, repr=False)
class Call:
    """A call of the API: by the platform's key, or by a session's `secret`. `own` says that the answer is the session's own, and may hold its secrets."""

    method: str
    path: str
    body: Any = None
    secret: str = ""
    own: bool = False


class UnsoldError(Exception):
    """The honest customer was refused; the text names the step, the status and the code, all of them our own words."""


@dataclass(frozen=True, repr=False)
class Payer:
    """Who pays, in words that nobody else says."""

    first: str
    last: str
    mail: str

    def body(self) -> dict[str, str]:
        """As the page sends it."""
        name = {"first_name": self.first, "last_name": self.last, "email": f"{self.mail}@example.com"}
        return {**name, "country": "US", "zip": "02451"}


class Customer:
    """Calls the service as platform and page do. `canaries` are what it has said so far, `controls` those of them that few places repeat."""

    def __init__(self, copy: Copy, traffic: wire.Traffic, api_key: str) -> None:
        self.copy, self._traffic, self._key = copy, traffic, api_key
        self.canaries: list[Canary] = []

    def live(self) -> None:
        """A whole life: purchase, changes, renewal, new card, refund, cancellation, end, and coming back. Raises UnsoldError."""
        account = self.new("of the honest customer", belongings.ACCOUNT)
        at = f"/v1/accounts/{account}"
        session, charge = self.buy(account)
        self.do("preview", Call("GET", f"{at}/subscription/preview?plan=business&members=4"))
        self.do("change of plan", Call("PATCH", f"{at}/subscription", {"plan": "business"}))
        self.do("change of members", Call("PATCH", f"{at}/subscription", {"members": 4}))
        self.do("account", Call("GET", at))
        self.do("card", Call("GET", f"{at}/card"))
        self.copy.settle()
        self.copy.lever("clock", {"advance": "P1M"})
        self._replace_card(account)
        self.do("refund", Call("POST", f"/v1/charges/{charge}/refunds", self._part()))
        self.do("cancellation", Call("POST", f"{at}/subscription/cancellation", {}))
        self.do("resumption", Call("DELETE", f"{at}/subscription/cancellation"))
        self.do("second cancellation", Call("POST", f"{at}/subscription/cancellation", {}))
        self.copy.settle()
        self.copy.lever("clock", {"advance": "P2M"})
        self.copy.settle()
        self.do("reactivation", Call("POST", f"{at}/subscription/reactivation", {"plan": "team", "members": 2}))
        self.do("charges", Call("GET", f"{at}/charges"))
        self.do("session by key", Call("GET", f"{SESSIONS}/{session}"))
        self.do("journal", Call("GET", "/v1/entries?limit=500"))
        self.copy.settle()

    def ground(self, identity: str) -> Ground:
        """Another customer, and an open session of a third, for entrances to be tried with, beside somebody of the staff. Raises UnsoldError."""
        account = self.new("of the entrances", belongings.ACCOUNT)
        _, charge = self.buy(account)
        buyer = self.new(_QUIET, belongings.ACCOUNT)
        opened = self.do("open", Call("POST", SESSIONS, {"account": buyer, "plan": "team", "members": 3}, own=True))
        return Ground(self._key, opened["id"], opened["client_secret"], account, charge, identity)

    def buy(self, account: str) -> tuple[str, str]:
        """Buy the Team plan: the session's id, and the charge's. Raises UnsoldError."""
        payer = Payer(*(self.new(what, belongings.PAYER) for what in ("first name", "last name", "e-mail address")))
        opened = self.do("open", Call("POST", SESSIONS, {"account": account, "plan": "team", "members": 3}, own=True))
        self.fill(opened)
        path, secret = f"{SESSIONS}/{opened['id']}", opened["client_secret"]
        self.do("page reads", Call("GET", path, secret=secret, own=True))
        self.do("completion", Call("POST", f"{path}/completion", {"payer": payer.body()}, secret=secret, own=True))
        charges = self.do("charges", Call("GET", f"/v1/accounts/{account}/charges"))["charges"]
        return str(opened["id"]), str(charges[0]["id"])

    def _replace_card(self, account: str) -> None:
        order = {"account": account, "purpose": "replace_card"}
        opened = self.do("open for another card", Call("POST", SESSIONS, order, own=True))
        self.fill(opened, "mastercard")
        path, secret = f"{SESSIONS}/{opened['id']}", opened["client_secret"]
        renewed = self.do("renewal of the fields", Call("POST", f"{path}/renewals", {}, secret=secret, own=True))
        self.fill(opened | renewed, "mastercard")
        self.do("replacement", Call("POST", f"{path}/completion", {}, secret=secret, own=True))

    @staticmethod
    def _part() -> dict[str, Any]:
        money = {"amount": "1.00", "currency": "USD"}
        return {"amount": money, "reason": "requested_by_customer", "cancel_subscription": False}

    def fill(self, session: Mapping[str, Any], card: str = "visa") -> None:
        """Somebody types a card into BlueSnap's frames; the session's secrets are canaries from now on."""
        token = session["hosted_fields"]["token"]
        self.canaries.append(belongings.canary(belongings.FIELDS_TOKEN, "of the honest signup", token))
        if "client_secret" in session:
            secret = session["client_secret"].removeprefix(
                f"pcs_{session['id'].partition('_')[2]}_"
            )  # the rest is the id
            self.canaries.append(belongings.canary(belongings.CLIENT_SECRET, "of the honest signup", secret))
        self.copy.lever("fill", {"token": token, "card": card})

    def new(self, what: str, kind: belongings.Kind) -> str:
        """A word of that kind which nobody has said before; it is a canary from now on."""
        made = belongings.canary(kind, what, marker())
        self.canaries.append(made)
        return made.text

    @property
    def controls(self) -> list[Canary]:
        """What must be found where it belongs; of the accounts only one that nothing happens to, since every page of the journal names the others."""
        return [
            one
            for one in self.canaries
            if belongings.kind_of(one.case) is not belongings.ACCOUNT or one.case.endswith(_QUIET)
        ]

    def do(self, step: str, call: Call) -> dict[str, Any]:
        """One call that must succeed: its document. An answer of 202 counts; what it waits for is under way. Raises UnsoldError."""
        answer = self.send(f"honest customer, {OWN_SESSION if call.own else 'platform'}: {step}", call)
        document: dict[str, Any] = json.loads(answer.body or b"{}") if answer.status is not None else {}
        if answer.status is None or answer.status >= 300:
            raise UnsoldError(f"{step}: {answer.status} {document.get('code', '')}".rstrip())
        return document

    def send(self, case: str, call: Call) -> wire.Answer:
        """One call, whatever is answered."""
        headers = {"Authorization": f"Bearer {call.secret or self._key}"}
        if call.body is not None:
            headers |= {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
        content = b"" if call.body is None else json.dumps(call.body).encode()
        raw = wire.request(call.method, call.path, list(headers.items()), content)
        answer = wire.exchange(self.copy.address, raw, timeout=60.0)
        self._traffic.record(case, raw, answer)
        return answer
