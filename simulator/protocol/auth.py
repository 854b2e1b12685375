"""Who may call, and what every call must carry (bluesnap/api.md section 2). It must never tell which half of the credentials was wrong."""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import TYPE_CHECKING

from flask import Response, request

from simulator import answers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.world import World


def refuse_early(world: World) -> Response | None:
    """401 for wrong credentials, then 415 for a request without Content-Type; None for a call that may go on."""
    if not _credentials_fit(request.headers.get("Authorization", ""), world.accepted):
        return answers.to_response(answers.unauthorized(world.behaviour.unauthorized_body))
    if request.mimetype != "application/json":
        why = "The origin server is refusing to service the request because the payload is in a format not supported."
        return answers.to_response(answers.tomcat(415, "Unsupported Media Type", "Unsupported Media Type", why))
    return None


def _credentials_fit(header: str, accepted: Sequence[tuple[str, str]]) -> bool:
    """Exactly one space after `Basic`: more make the call fail at BlueSnap too."""
    scheme, _, encoded = header.partition(" ")
    if scheme != "Basic" or encoded != encoded.strip():
        return False
    try:
        given = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return False
    return any(hmac.compare_digest(given, f"{user}:{password}".encode()) for user, password in accepted)
