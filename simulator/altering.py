"""Changing single fields of a true answer, by JSON pointer (RFC 6901), as an ordered fault asks. It must never touch what the simulator keeps."""

from __future__ import annotations

import copy
from typing import Any

from simulator.answers import Answer
from simulator.faults import Fault


def altered(answer: Answer, fault: Fault) -> Answer:
    """The answer with the fault's fields set and removed, and its codes as numbers if that was ordered; one without fields stays as it is."""
    if not isinstance(answer.body, dict | list):
        return answer
    body: Any = copy.deepcopy(answer.body)
    for pointer, value in fault.set:
        parent, name = _parent(body, pointer, make=True)
        _put(parent, name, copy.deepcopy(value))
    for pointer in fault.remove:
        parent, name = _parent(body, pointer, make=False)
        _drop(parent, name)
    if fault.codes == "number":
        _number_codes(body)
    return Answer(answer.status, body, answer.media, answer.headers)


def _parent(body: Any, pointer: str, *, make: bool) -> tuple[Any, str]:
    """The thing that holds what the pointer names, and the name in it; missing objects on the way are made only to set something."""
    *way, name = (part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])
    at = body
    for part in way:
        if isinstance(at, list):
            at = at[int(part)] if part.isdecimal() and int(part) < len(at) else None
        elif isinstance(at, dict):
            at = at.setdefault(part, {}) if make else at.get(part)
    return at, name


def _put(parent: Any, name: str, value: Any) -> None:
    if isinstance(parent, dict):
        parent[name] = value
    elif isinstance(parent, list) and name.isdecimal() and int(name) < len(parent):
        parent[int(name)] = value
    elif isinstance(parent, list) and name == "-":
        parent.append(value)


def _drop(parent: Any, name: str) -> None:
    if isinstance(parent, dict):
        parent.pop(name, None)
    elif isinstance(parent, list) and name.isdecimal() and int(name) < len(parent):
        del parent[int(name)]


def _number_codes(body: Any) -> None:
    """Error codes as JSON numbers, which the documentation shows and recordings do not (bluesnap/errors.md section 1)."""
    for entry in body.get("message", []) if isinstance(body, dict) else []:
        if isinstance(entry, dict) and str(entry.get("code", "")).isdecimal():
            entry["code"] = int(entry["code"])
