"""Loads the scenarios: one exchange with BlueSnap each, as data. They are read by the client's, the simulator's and the sandbox's test alike.

A file holds: `call` (a method of the client) and its `arguments`; the `request` it must send; the `response`; the `outcome` for our
side; `facts`, where this is known from; `given`, what a live peer must have seen before; `simulator`, "answers" or "skip: why";
`sandbox`, whether the real sandbox can be asked; `next`, further exchanges of the same call; `exact`, pointers into the answer whose
values a live peer must repeat (in each of the exchanges); `credentials`, where they are not the usual ones (in an exchange too), and `other`, a second
pair that the client has. A body that is text stands for these very
characters, any other for JSON. `${name}` is a sample from `values`, which a live peer's own replace; `${name:number}` is a number.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from service.bluesnap.cards import CardHint
from service.bluesnap.client import BlueSnapClient
from service.bluesnap.payloads import Payer
from service.errors import BlueSnapError, Declined, FieldsRefused

FOLDER = Path(__file__).parent / "scenarios"
USUAL = {"user": "API_1000000001", "password": "simulator-password-1"}
_PLACE = re.compile(r"\$\{([a-z_]+)(:number)?\}")


@dataclass(frozen=True)
class Scenario:
    """One file; `name` is its name, a sentence with hyphens."""

    name: str
    file: dict[str, Any]

    def __getitem__(self, key: str) -> Any:
        return self.file[key]

    @property
    def credentials(self) -> dict[str, str]:
        return self.file.get("credentials", USUAL)

    @property
    def both(self) -> dict[str, Any]:
        """The credentials as our client takes them."""
        other = self.file.get("other")
        return self.credentials | ({"other": (other["user"], other["password"])} if other else {})

    @property
    def skipped(self) -> str | None:
        """Why the simulator cannot be asked, if it cannot."""
        return None if self["simulator"] == "answers" else self["simulator"].removeprefix("skip: ")

    @property
    def exchanges(self) -> list[dict[str, Any]]:
        first = {name: self.file[name] for name in ("request", "response", "exact", "credentials") if name in self.file}
        return [first, *self.file.get("next", [])]


def load_all() -> list[Scenario]:
    return [Scenario(path.stem, json.loads(path.read_text(encoding="utf-8"))) for path in sorted(FOLDER.glob("*.json"))]


def filled(template: Any, values: dict[str, str]) -> Any:
    """The template with every `${name}` replaced."""
    if isinstance(template, dict):
        return {name: filled(value, values) for name, value in template.items()}
    if isinstance(template, list):
        return [filled(value, values) for value in template]
    if not isinstance(template, str):
        return template
    whole = _PLACE.fullmatch(template)
    if whole and whole[2]:
        return int(values[whole[1]])
    return _PLACE.sub(lambda place: values[place[1]], template)


def common_headers(credentials: dict[str, str]) -> dict[str, str]:
    """What every request carries (bluesnap/api.md section 2); a scenario adds its own."""
    pair = f"{credentials['user']}:{credentials['password']}".encode()
    return {
        "Authorization": f"Basic {base64.b64encode(pair).decode()}",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "Content-Type": "application/json",
        "User-Agent": "panless",
        "bluesnap-version": "3.0",
    }


def body_bytes(body: Any) -> bytes | None:
    """The body of a request, byte for byte."""
    return None if body is None else json.dumps(body, separators=(",", ":")).encode()


def outcome_of(client: BlueSnapClient, call: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Make the call and put its outcome into the words of a scenario's `outcome`."""
    given = {name: _argument(name, value) for name, value in arguments.items()}
    try:
        result = getattr(client, call)(**given)
        plain = _plain(result)
    except BlueSnapError as error:
        return _told(error)
    return {"result": plain}


_FORMS: dict[str, Callable[[Any], Any]] = {
    "payer": lambda value: Payer(**value),
    "card": lambda value: CardHint(**value),
    "amount": Decimal,
    "next_charge_date": date.fromisoformat,
}


def _argument(name: str, value: Any) -> Any:
    return _FORMS[name](value) if name in _FORMS and value is not None else value


def _told(error: BlueSnapError) -> dict[str, Any]:
    told = {"error": type(error).__name__, "cause": str(error.cause), "status": error.status}
    if isinstance(error, Declined):
        told |= {"reason": str(error.reason), "hard": error.hard}
    if isinstance(error, FieldsRefused):
        told |= {"code": str(error.code)}
    return told


def _plain(result: Any) -> Any:
    if isinstance(result, list | Iterator):
        return [_plain(one) for one in result]
    if isinstance(result, Decimal | datetime):
        return str(result)
    if result is None or isinstance(result, str):
        return result
    return json.loads(json.dumps(asdict(result), default=_text))


def _text(value: Any) -> str:
    assert isinstance(value, Decimal | date)
    return str(value)
