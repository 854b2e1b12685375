"""The cases of what is no authentic notice, or stands beside one (E90 to E93, E95, E96): headers, query, and bodies that are signed by nobody or somebody else."""

from __future__ import annotations

from urllib.parse import quote

from leaks_notices import delivery, document, encoded, fields_of, key_of, reference, stamp_of
from leaks_payloads import CODES
from leaks_registry import sender
from leaks_stage import JSON

from service.bluesnap import signature


@sender("E90")
def signature_header(case, stage):
    known = reference()
    body = encoded(fields_of(known))
    proof = signature.sign(key_of(stage), stamp_of(stage), body)
    said = stage.labelled(case)
    return stage.send_all([delivery(stage, body, signed=said), delivery(stage, body, signed=f"{proof}, {said}")])


@sender("E91")
def timestamp_header(case, stage):
    """Signed together with the body, by the right key: the signature covers whatever text stands there."""
    body = encoded(fields_of(reference()))
    return stage.send(delivery(stage, body, stamp=stage.labelled(case)))


@sender("E92")
def unsigned(case, stage):
    body = encoded(fields_of(reference(), creditCardNumber=stage.payload(case), custom1=stage.labelled(case)))
    return stage.send(delivery(stage, body, signed=""))


@sender("E93")
def wrongly_signed(case, stage):
    body = encoded(fields_of(reference(), creditCardNumber=stage.payload(case), custom1=stage.labelled(case)))
    other = signature.sign("another-webhook-key-0123456789", stamp_of(stage), body)
    return stage.send(delivery(stage, body, signed=other))


@sender("E95")
def query(case, stage):
    """On the address that BlueSnap was given: the body is right, and rightly signed."""
    body = encoded(fields_of(reference()))
    said = quote(stage.payload(case))
    name = CODES[case.data][0] if case.data in CODES else "card"
    return stage.send(delivery(stage, body, query=f"?{name}={said}"))


@sender("E96")
def json_body(case, stage):
    """A document where a form belongs, signed by nobody and by somebody else. What is rightly signed is never refused: E81 sends it too."""
    body = document(stage)
    other = signature.sign("another-webhook-key-0123456789", stamp_of(stage), body)
    return stage.send_all([delivery(stage, body, signed=proof, headers=[JSON]) for proof in ("", other)])
