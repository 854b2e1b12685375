"""A client of the simulator and a receiver for its notices, for the tests beside it. Must never touch the fixed ports."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import requests

from simulator.servers import Simulator

JSON_CALL = {"Content-Type": "application/json", "Accept": "application/json", "bluesnap-version": "3.0"}
PAYER = {"firstName": "Mira", "lastName": "Okafor", "country": "US", "zip": "02451"}
TEAM, BUSINESS = 2340001, 2340002
WEBHOOK_KEY = "simulator-webhook-key-0123456789"


class Receiver:
    """Where notices go: keeps each delivery, and answers the statuses it was told, then 200."""

    def __init__(self) -> None:
        self.deliveries: list[tuple[dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        self.on_delivery: Callable[[], None] = lambda: None
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.on_delivery()
                receiver.deliveries.append((dict(self.headers.items()), body))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhooks/bluesnap"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait(self, count: int) -> list[dict[str, str]]:
        """The decoded forms once `count` deliveries came."""
        await_true(lambda: len(self.deliveries) >= count)
        return [dict(parse_qsl(body.decode(), keep_blank_values=True)) for _, body in self.deliveries]


class Caller:
    """A client of the simulator, with the usual steps as methods."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.world = simulator.world
        self.origin = simulator.protocol.origin
        self.session = requests.Session()
        self.session.trust_env = False

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        """A call of the API, rightly made unless told otherwise; header values of None are left out."""
        headers = JSON_CALL | more.pop("headers", {})
        auth = more.pop("auth", ("API_1000000001", "simulator-password-1"))
        return self.session.request(
            method,
            f"{self.origin}/services/2{path}",
            headers={name: value for name, value in headers.items() if value is not None},
            auth=auth,
            timeout=10,
            **more,
        )

    def lever(self, name: str, body: object = None) -> Any:
        """Pull a lever that must work: POST with a body, GET without."""
        answer = self.pull(name, body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def pull(self, name: str, body: object = None) -> requests.Response:
        """Pull a lever that may refuse."""
        method = "GET" if body is None else "POST"
        return self.session.request(method, f"{self.origin}/_levers/{name}", json=body, timeout=20)

    def token(self, card: str | None = "visa") -> str:
        """A payment-fields token, filled with a named card."""
        answer = self.call("POST", "/payment-fields-tokens")
        text = answer.headers["Location"].rsplit("/", 1)[1]
        if card is not None:
            self.lever("fill", {"token": text, "card": card})
        return text

    def fill(self, token: str, parts: dict[str, Any], authentication: str | None = None) -> requests.Response:
        """The call that the frames make."""
        return self.session.put(
            f"{self.origin}/services/2/payment-fields-tokens/{token}",
            json=parts,
            headers={"Token-Authentication": authentication or token},
            timeout=10,
        )

    def vault(self, card: str = "visa", **fields: Any) -> requests.Response:
        """Create a shopper with a fresh token."""
        headers = fields.pop("headers", {})
        source = {"creditCardInfo": [{"pfToken": fields.pop("token", None) or self.token(card)}]}
        return self.call(
            "POST", "/vaulted-shoppers", json={**PAYER, "paymentSources": source, **fields}, headers=headers
        )

    def shopper(self, card: str = "visa", **fields: Any) -> int:
        """The id of a new shopper."""
        return int(self.vault(card, **fields).json()["vaultedShopperId"])

    def subscribe(self, **fields: Any) -> requests.Response:
        """Create a subscription, for a fresh shopper unless one is given."""
        headers = fields.pop("headers", {})
        body = {"planId": TEAM, **fields}
        if "vaultedShopperId" not in body and "payerInfo" not in body:
            body["vaultedShopperId"] = self.shopper()
        return self.call("POST", "/recurring/subscriptions", json=body, headers=headers)

    def subscription(self, **fields: Any) -> int:
        """The id of a new subscription."""
        return int(self.subscribe(**fields).json()["subscriptionId"])

    def read(self, subscription_id: int) -> Any:
        """A subscription as it stands."""
        return self.call("GET", f"/recurring/subscriptions/{subscription_id}").json()

    def told(self, kind: str = "") -> list[dict[str, str]]:
        """The forms of all notices of one type, or of all, in the order in which they came to be."""
        notices = self.lever("notices")["notices"]
        return [dict(parse_qsl(one["body"], keep_blank_values=True)) for one in notices if kind in ("", one["type"])]

    def tell_all(self) -> None:
        """Switch every type of notice on, and let none leave."""
        self.lever("notices", {"mode": "drop"})
        self.lever("behaviour", {"notice_types": "all"})

    def seeded(self, **fields: Any) -> dict[str, str]:
        """The ids of one existing customer."""
        made: dict[str, str] = self.lever("seed", {"subscriptions": [fields]})["subscriptions"][0]
        return made

    def change(self, subscription_id: object, **changes: Any) -> requests.Response:
        """Change a subscription by the API."""
        return self.call("PUT", f"/recurring/subscriptions/{subscription_id}", json=changes)

    def refund(self, transaction_id: object, **body: Any) -> requests.Response:
        """Give money back by the API."""
        return self.call("POST", f"/transactions/refund/{transaction_id}", json=body)

    def ledger(self, kind: str) -> list[dict[str, Any]]:
        """The ledger's entries of one kind."""
        return [entry for entry in self.lever("ledger")["entries"] if entry["kind"] == kind]


def signature_fits(delivery: tuple[dict[str, str], bytes], key: str = WEBHOOK_KEY) -> bool:
    """Whether a delivery was signed rightly."""
    headers, body = delivery
    folded = {name.lower(): text for name, text in headers.items()}
    made = hmac.new(key.encode(), folded["bls-ipn-timestamp"].encode() + body, hashlib.sha256).hexdigest()
    return made == folded["bls-signature"]


def with_second_card(caller: Caller) -> int:
    """The id of a shopper with a Visa and a Mastercard."""
    shopper = caller.shopper()
    source = {"creditCardInfo": [{"pfToken": caller.token("mastercard")}]}
    caller.call("PUT", f"/vaulted-shoppers/{shopper}", json=PAYER | {"paymentSources": source})
    return shopper


def named_card(brand: str, last_four: str) -> dict[str, Any]:
    """A paymentSource that names a card of the vault."""
    return {"creditCardInfo": {"creditCard": {"cardType": brand, "cardLastFourDigits": last_four}}}


def error_name(answer: requests.Response) -> str:
    """The errorName of a refused call."""
    assert answer.status_code >= 400, answer.text
    return str(answer.json()["message"][0].get("errorName"))


def await_true(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for something that another thread does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never became true"
        time.sleep(0.005)
