"""Turns an entrance and a value into the bytes of a request that would be right but for that one value. Pure; sends nothing, and knows no canary."""

from __future__ import annotations

import base64
import copy
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from service.evidence import entrances, wire
from service.evidence.entrances import Entrance

Value = str | int


@dataclass(frozen=True, repr=False)
class Ground:
    """What a caller needs in order to get past the locks: credentials, and names of things that exist."""

    api_key: str
    session: str
    client_secret: str
    account: str
    charge: str
    identity: str

    def parameters(self) -> Mapping[str, str]:
        """The path's parameters by their names in the description."""
        return {"account": self.account, "session_id": self.session, "charge_id": self.charge}


def _blanks(number: str) -> str:
    return " ".join(number[start : start + 4] for start in range(0, len(number), 4))


def _dashes(number: str) -> str:
    return _blanks(number).replace(" ", "-")


def _full_width(number: str) -> str:
    return number.translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)})


def _base64(number: str) -> str:
    return base64.b64encode(number.encode()).decode()


def _percent(number: str) -> str:
    return "".join(f"%{ord(sign):02X}" for sign in number)


_EVERYWHERE: Mapping[str, Callable[[str], Value]] = {
    "plain": str,
    "groups with blanks": _blanks,
    "full-width digits": _full_width,
}
_FORMS: Mapping[str, Mapping[str, Callable[[str], Value]]] = {
    entrances.FIELD: {**_EVERYWHERE, "base64": _base64, "JSON number": int},
    entrances.PATH: {**_EVERYWHERE, "percent-encoded twice": _percent},
    entrances.QUERY: {**_EVERYWHERE, "percent-encoded twice": _percent},
    entrances.HEADER_NAME: {"plain": str, "groups with dashes": _dashes, "groups with blanks": _blanks},
}
_OTHERWISE: Mapping[str, Callable[[str], Value]] = {**_EVERYWHERE, "base64": _base64}


def forms(entrance: Entrance, number: str) -> list[tuple[str, Value]]:
    """In which spellings a card number is sent there: three to five, each with its name."""
    return [(name, form(number)) for name, form in _FORMS.get(entrance.kind, _OTHERWISE).items()]


def raw(entrance: Entrance, value: Value, ground: Ground) -> bytes:
    """The request with `value` at that place, and everything else as a caller would send it."""
    operation, kind, at = entrance.operation, entrance.kind, entrance.at
    headers = _headers(entrance, ground)
    body: Any = copy.deepcopy(operation.body)
    if isinstance(body, dict) and "account" in body:
        body["account"] = ground.account
    query = ""
    if kind == entrances.QUERY:
        query = f"?{at[0]}={quote(str(value), safe='')}"
    elif kind == entrances.QUERY_NAME:
        query = f"?{quote(str(value), safe='')}=1"
    elif kind == entrances.HEADER:
        headers[at[0]] = {**entrances.HEADERS}.get(at[0], "{}").format(value)
    elif kind == entrances.HEADER_NAME:
        headers[f"X-{value}"] = "1"
    elif kind == entrances.MEDIA:
        headers["Content-Type"] = f"{operation.media or 'application/json'}; charset={value}"
    elif kind == entrances.WRONG_MEDIA:
        headers["Content-Type"] = "text/plain"
    elif kind in {entrances.FIELD, entrances.FIELD_NAME}:
        _write(body, entrance, value)
    content = str(value).encode() if kind in {entrances.BODY, entrances.WRONG_MEDIA} else _encoded(body)
    return wire.request(operation.method, _target(entrance, value, ground) + query, list(headers.items()), content)


def _headers(entrance: Entrance, ground: Ground) -> dict[str, str]:
    operation = entrance.operation
    headers = {"Content-Type": operation.media} if operation.media else {}
    secrets = {"client_secret": ground.client_secret, "api_key": ground.api_key, "identity": ground.identity}
    fitting = [secret for lock, secret in secrets.items() if lock in operation.locks]
    if fitting:
        headers["Authorization"] = f"Bearer {fitting[0]}"
    if operation.keyed:
        headers["Idempotency-Key"] = str(uuid.uuid4())
    return headers


def _write(body: Any, entrance: Entrance, value: Value) -> None:
    """Put the value into the document, as a field's value or as a field's name."""
    *way, last = entrance.at if entrance.kind == entrances.FIELD else (*entrance.at, str(value))
    for name in way:
        body = body[name]
    body[last] = value if entrance.kind == entrances.FIELD else 1


def _encoded(body: Any) -> bytes:
    return b"" if body is None else json.dumps(body).encode()


def _target(entrance: Entrance, value: Value, ground: Ground) -> str:
    parameters = dict(ground.parameters())
    if entrance.kind == entrances.PATH:
        parameters[entrance.at[0]] = quote(str(value), safe="")
    target = entrance.operation.path
    for name, text in parameters.items():
        target = target.replace("{" + name + "}", text)
    return target
