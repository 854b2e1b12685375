"""Takes from answers about transactions and refunds what tells one from another and how much it was. Must never overlook a refund or a chargeback."""

from __future__ import annotations

import re
from typing import Any

from service.bluesnap.answers import document_of, unreadable
from service.bluesnap.bodies import REFERENCE_KEY
from service.bluesnap.causes import Cause
from service.bluesnap.json_text import parse_json
from service.bluesnap.payloads import ChargebackSeen, Refund, RefundSeen, Transaction
from service.bluesnap.scalars import CURRENCY, WORDS, amount_of, day_of, id_of, items_of, object_of, word_of
from service.bluesnap.transport import Answer
from service.errors import Unknown

_REFUND_STATUS = re.compile(r"SUCCESS|PENDING")
_REFERENCE = re.compile(r"[A-Za-z0-9_-]{1,64}")


def read_refund(answer: Answer) -> Refund:
    """A refund that was accepted; id and status may be absent (bluesnap/variants.md section 1).

    Raises Unknown for what is no JSON object, for nothing at all unless it says so (204), and for any other status: then only the
    transaction tells what happened.
    """
    document = document_of(answer)
    if not document and answer.status != 204:
        unreadable(answer)
    told = document.get("refundStatus")
    status = word_of(told, _REFUND_STATUS)
    if told is not None and status is None:
        unreadable(answer)
    return Refund(id_of(document.get("refundTransactionId")), status)


def read_transaction(answer: Answer, asked: str) -> Transaction:
    """The transaction that was asked for. Raises Unknown if it shows no id or another one, or a refund whose amount cannot be read."""
    found = object_of(parse_json(answer.body))
    transaction_id = id_of(found.get("transactionId"))
    if transaction_id is None:
        unreadable(answer)
    if transaction_id != asked:
        raise Unknown(Cause.ANOTHERS_ANSWER, status=answer.status)
    refunds = object_of(found.get("refunds"))
    return Transaction(
        transaction_id=transaction_id,
        amount=amount_of(found.get("amount")),
        currency=word_of(found.get("currency"), CURRENCY),
        status=word_of(object_of(found.get("processingInfo")).get("processingStatus"), WORDS),
        kind=word_of(found.get("cardTransactionType"), WORDS),
        refunds=[_refund(one) or unreadable(answer) for one in items_of(refunds.get("refund"))],
        chargebacks=[_chargeback(one) for one in items_of(object_of(found.get("chargebacks")).get("chargeback"))],
        balance=amount_of(refunds.get("balanceAmount")),
        original_id=id_of(found.get("originalTransactionId")),
        reference=_reference(found.get("transactionMetaData")),
    )


def _refund(document: Any) -> RefundSeen | None:
    found = object_of(document)
    amount = amount_of(found.get("amount"))
    if amount is None:
        return None
    return RefundSeen(
        refund_id=id_of(found.get("refundTransactionId")),
        amount=abs(amount),
        refund_date=day_of(found.get("date")),
        reference=_reference(found.get("transactionMetaData")),
        status=word_of(found.get("refundStatus"), WORDS),
    )


def _chargeback(document: Any) -> ChargebackSeen:
    found = object_of(document)
    ids = (id_of(found.get(name)) for name in ("chargebackTransactionId", "chargebackId"))
    amount = amount_of(found.get("amount"))
    status = word_of(found.get("status", found.get("chargebackStatus")), WORDS)
    return ChargebackSeen(
        chargeback_id=next(filter(None, ids), None),
        amount=None if amount is None else abs(amount),
        status=None if status is None else status.replace(" ", "_"),
    )


def _reference(document: object) -> str | None:
    """Our own id out of the metadata of a refund, where BlueSnap repeats it."""
    for item in items_of(object_of(document).get("metaData")):
        found = object_of(item)
        value = found.get("metaValue")
        if found.get("metaKey") == REFERENCE_KEY and isinstance(value, str) and _REFERENCE.fullmatch(value):
            return value
    return None
