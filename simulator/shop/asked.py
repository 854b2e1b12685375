"""What the shop's pages ask for, checked before Panless sees it: plans, members, versions, keys. Anything that makes no sense is a 400."""

from __future__ import annotations

import re
import uuid
from typing import Any

from flask import abort, request

from . import account, catalogue


def body() -> dict[str, Any]:
    """The JSON object of this request."""
    found = request.get_json(silent=True)
    return found if isinstance(found, dict) else abort(400)


def plan(text: Any) -> str:
    """A plan that is on sale."""
    return str(text) if str(text) in catalogue.PAID else abort(400)


def members(text: Any) -> int:
    """A sensible number of members, out of text or JSON."""
    if not re.fullmatch(r"[0-9]{1,4}", str(text), re.ASCII) or not 1 <= int(text) <= catalogue.MAX_MEMBERS:
        abort(400)
    return int(text)


def change(given: Any) -> dict[str, Any]:
    """What is to become of a plan: `plan`, `members` or both."""
    found: dict[str, Any] = {}
    if given.get("plan") is not None:
        found["plan"] = plan(given["plan"])
    if given.get("members") is not None:
        found["members"] = members(given["members"])
    return found or abort(400)


def version(given: dict[str, Any]) -> int | None:
    """The version of the plan that the page has shown."""
    found = given.get("version")
    return found if found is None or (type(found) is int and found > 0) else abort(400)


def key() -> str:
    """The key of this act: the page's own, so that a repeated act is the same one, and made one of this account's."""
    given = request.headers.get("Idempotency-Key", "")
    try:
        return str(uuid.uuid5(uuid.UUID(given), account.current()))
    except ValueError:
        abort(400)
