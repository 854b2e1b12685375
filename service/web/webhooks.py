"""BlueSnap's door: take a notice. Its lock is the signature over the raw bytes; nothing is parsed before it opens."""

from __future__ import annotations

from flask import request

from service.billing.hearing import notices
from service.bluesnap import signature
from service.web.door import Door
from service.web.locks import NoLock, Signature
from service.web.operation import Call, Reply

door = Door("webhooks", part="intake")
PATH = "/webhooks/bluesnap"


@door.operation("POST", PATH, summary="Take a notice from BlueSnap", lock=Signature(), form=True, answers={200: None})
def take_notice(call: Call) -> Reply:
    """Recorded and applied, or kept as a hint, in one transaction; then an empty 200 (bluesnap/webhooks.md section 1)."""
    stamp = request.headers.get("bls-ipn-timestamp") or ""
    signed_at = signature.parse_timestamp(stamp, call.tools.settings.notice_zone)
    notices.take_in(call.tools, call.origin, notices.Delivery(request.get_data(cache=True), signed_at))
    return Reply(200)


@door.operation("GET", PATH, summary="Answer BlueSnap's probe of the address", lock=NoLock(), answers={200: None})
def probe(call: Call) -> Reply:  # noqa: ARG001
    """BlueSnap's portal sends an empty GET when the address is saved, and wants an empty 200."""
    return Reply(200)
