"""Brings a live peer, the simulator or the sandbox, to where a scenario begins, and compares its answers with the file."""

from __future__ import annotations

import json
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import requests
from contract_scenarios import Scenario, body_bytes, common_headers, filled

OUR_PLAN = "2340001"
SHOPPER = {
    "firstName": "Mira",
    "lastName": "Okafor",
    "email": "mira@example.test",
    "state": "MA",
    "zip": "02451",
    "country": "us",
}
# Published test numbers (bluesnap/test-data.md section 2): number and month of expiry.
CARDS = {
    "visa": ("4263982640269299", 2),
    "amex": ("374245455400126", 5),
    "incorrect": ("4917484589897107", 1),
    "expired": ("4917484589897107", 4),
    "insufficient_funds": ("4917484589897107", 5),
    "invalid": ("4917484589897107", 8),
}


@dataclass
class Stage:
    """A live peer. With levers it is the simulator; without, tokens are filled as the hosted fields' frames do it."""

    base_url: str
    credentials: dict[str, str]
    levers: bool
    own_values: dict[str, str] = field(default_factory=dict)
    waiting: list[threading.Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.session = requests.Session()
        self.session.trust_env = False

    def close(self) -> None:
        self.settle()
        self.session.close()

    def settle(self) -> None:
        """Wait for the requests that were left running."""
        while self.waiting:
            self.waiting.pop().join(30)

    def begin(self, scenario: Scenario) -> dict[str, str]:
        """Do what the scenario wants done before; the values that hold from then on."""
        if self.levers:
            self.pull("/_levers/reset", {})
            self.pull("/_levers/notices", {"mode": "drop"})
        values = dict(scenario["values"])
        if values.get("plan_id") == OUR_PLAN:
            values |= self.own_values
        values["key"] = str(uuid.uuid4())
        values["merchant_shopper_id"] = f"att-{uuid.uuid4().hex[:20]}"
        for step in scenario["given"]:
            getattr(self, f"_{step['step']}")(scenario, step, values)
        return values

    def play(self, scenario: Scenario, values: dict[str, str]) -> None:
        """Send each of the scenario's requests and assert that it is answered as the file says."""
        for exchange in scenario.exchanges:
            credentials = exchange.get("credentials", self.credentials_for(scenario))
            answer = self._send(filled(exchange["request"], values), credentials)
            check_answer(exchange, values, answer)

    def pull(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self.session.post(self.base_url + path, json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def credentials_for(self, scenario: Scenario) -> dict[str, str]:
        """The peer's own, unless the scenario is about wrong ones."""
        return scenario.file.get("credentials", self.credentials)

    def both_for(self, scenario: Scenario) -> dict[str, Any]:
        """The same as our client takes them, with the second pair of a scenario that has one."""
        return {**self.credentials_for(scenario), "other": scenario.both.get("other")}

    def _send(self, request: dict[str, Any], credentials: dict[str, str] | None = None) -> requests.Response:
        return self.session.request(
            request["method"],
            self.base_url + request["path"],
            params=request.get("query"),
            headers={**common_headers(credentials or self.credentials), **request.get("headers", {})},
            data=body_bytes(request.get("body")),
            allow_redirects=False,
            timeout=75,
        )

    def _succeed(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        answer = self._send({"method": method, "path": path, "body": body, "headers": headers})
        assert answer.ok, (answer.status_code, answer.text)
        return answer

    def _token(self, _scenario: Scenario, step: dict[str, Any], values: dict[str, str]) -> None:
        answer = self._succeed("POST", "/services/2/payment-fields-tokens")
        values[step["as"]] = answer.headers["Location"].rpartition("/")[2]

    def _fill(self, _scenario: Scenario, step: dict[str, Any], values: dict[str, str]) -> None:
        token = filled(step["token"], values)
        if self.levers:
            self.pull("/_levers/fill", {"token": token, "card": step["card"]})
            return
        number, month = CARDS[step["card"]]
        card = {
            "ccNumber": number,
            "expDate": f"{month:02d}/{time.gmtime().tm_year + 3}",
            "cvv": "8370" if step["card"] == "amex" else "837",
        }
        path = f"{self.base_url}/services/2/payment-fields-tokens/{token}"
        answer = self.session.put(path, json=card, headers={"Token-Authentication": token}, timeout=30)
        assert answer.ok, (answer.status_code, answer.text)

    def _shopper(self, scenario: Scenario, step: dict[str, Any], values: dict[str, str]) -> None:
        body: dict[str, Any] = {**SHOPPER, "merchantShopperId": values["merchant_shopper_id"]}
        if (card := step.get("card", "visa")) is not None:
            self._token(scenario, {"as": "spent"}, values)
            self._fill(scenario, {"token": "${spent}", "card": card}, values)
            names = {"firstName": "Mira", "lastName": "Okafor", "zip": "02451", "country": "us"}
            body["paymentSources"] = {"creditCardInfo": [{"pfToken": values["spent"], "billingContactInfo": names}]}
        values[step["as"]] = str(self._succeed("POST", "/services/2/vaulted-shoppers", body).json()["vaultedShopperId"])

    def _subscription(self, _scenario: Scenario, step: dict[str, Any], values: dict[str, str]) -> None:
        body = {
            "planId": int(values["plan_id"]),
            "vaultedShopperId": int(values["shopper_id"]),
            "overrideRecurringChargeAmount": "290.00",
        }
        answer = self._succeed("POST", "/services/2/recurring/subscriptions", body).json()
        values[step["as"]] = str(answer["subscriptionId"])

    def _charge(self, _scenario: Scenario, step: dict[str, Any], values: dict[str, str]) -> None:
        path = f"/services/2/recurring/subscriptions/{values['subscription_id']}/charges"
        values[step["as"]] = str(self._succeed("GET", path).json()["charges"][0]["transactionId"])

    def _call(self, _scenario: Scenario, step: dict[str, Any], values: dict[str, str]) -> None:
        answer = self._succeed(step["method"], filled(step["path"], values), filled(step["body"], values))
        if "as" in step:
            values[step["as"]] = str(answer.json()[step["id"]])

    def _lever(self, _scenario: Scenario, step: dict[str, Any], values: dict[str, str]) -> None:
        self.pull(step["path"], filled(step["body"], values))

    def _request(self, scenario: Scenario, step: dict[str, Any], values: dict[str, str]) -> None:
        """The scenario's own request, sent beforehand; with changes, and left running where it says `until: arrived`."""
        request = filled(scenario["request"], values)
        request["headers"] = {**request.get("headers", {}), **step.get("headers", {})}
        request["body"] = {**request["body"], **step.get("body", {})}
        if step.get("until") != "arrived":
            self._send(request)
            return
        seen = self._received()
        running = threading.Thread(target=self._send, args=(request,), daemon=True)
        self.waiting.append(running)
        running.start()
        patience = time.monotonic() + 10
        while self._received() == seen:
            assert time.monotonic() < patience, "the request did not arrive"
            time.sleep(0.01)

    def _received(self) -> int:
        received = self.session.get(f"{self.base_url}/_levers/received", timeout=30).json()
        return len(received["requests"]) + received["dropped"]


def differences(expected: Any, actual: Any, pointer: str = "") -> list[str]:
    """Where the actual JSON lacks a key of the expected one, or holds another type. More keys and items are no difference."""
    if _kind(expected) != _kind(actual):
        return [f"{pointer or '/'}: {_kind(actual)} instead of {_kind(expected)}"]
    if isinstance(expected, dict):
        absent = [f"{pointer}/{name}: absent" for name in expected if name not in actual]
        deeper = [differences(expected[name], actual[name], f"{pointer}/{name}") for name in expected if name in actual]
        return absent + [one for found in deeper for one in found]
    if isinstance(expected, list):
        if len(actual) < len(expected):
            return [f"{pointer}: {len(actual)} items instead of {len(expected)}"]
        return [one for at, item in enumerate(expected) for one in differences(item, actual[at], f"{pointer}/{at}")]
    return []


def at(document: Any, pointer: str) -> Any:
    """The value that an RFC 6901 pointer names."""
    for part in pointer.split("/")[1:]:
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document


def check_answer(exchange: dict[str, Any], values: dict[str, str], answer: requests.Response) -> None:
    """Assert that a live answer has the status, the headers and the shape of the exchange's."""
    expected = filled(exchange["response"], values)
    assert answer.status_code == expected["status"], answer.text[:500]
    for name, value in expected["headers"].items():
        if name.lower() in {"location", "content-location"} and "/services/2/" in value:
            assert (
                answer.headers[name].rpartition("/")[0].endswith(value.rpartition("/")[0].partition("/services/2")[2])
            )
        elif name.lower() == "idempotency-key":
            assert answer.headers[name] == value
        elif "html" in value:
            assert "html" in answer.headers[name]
    if isinstance(expected["body"], dict | list):
        body = json.loads(answer.content)
        assert differences(expected["body"], body) == []
        for pointer in exchange.get("exact", ()):
            assert at(body, pointer) == at(expected["body"], pointer), pointer
    else:
        assert bool(answer.content) == bool(expected["body"])


def check_outcome(scenario: Scenario, values: dict[str, str], outcome: dict[str, Any]) -> None:
    """Assert that what our client made of a live answer is what the scenario says; ids and dates only by their presence."""
    expected = filled(scenario["outcome"], values)
    assert _lasting(outcome) == _lasting(expected)


def _lasting(told: Any) -> Any:
    if isinstance(told, list):
        return [_lasting(one) for one in told]
    if not isinstance(told, dict):
        return told
    made_there = ("_id", "_date")
    lasting = {
        name: (value is not None) if name.endswith(made_there) else _lasting(value) for name, value in told.items()
    }
    if isinstance(told.get("result"), str):
        lasting["result"] = "a token"
    return lasting


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return {dict: "object", list: "array", str: "string", type(None): "null"}[type(value)]
