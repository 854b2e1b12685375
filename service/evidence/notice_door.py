"""BlueSnap's door: rightly signed notices that hold what no notice should, in parameters that are read and in those that are not. Every one must be taken, and what is wrong in it dropped."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import quote_plus

from service.bluesnap import signature
from service.evidence import asking, belongings, entrances, wire
from service.evidence.canaries import marker
from service.evidence.trying import CARDS, Attempt, Sender

PATH = "/webhooks/bluesnap"
GROUP = "BlueSnap's notices, signed"
#: The parameters that we read (bluesnap/variants.md section 9) ...
READ = (
    "transactionType", "referenceNumber", "originalReferenceNumber", "originalRefNum", "originalInvoiceId", "reversalRefNum",
    "captureReferenceNumber", "reversalAmount", "reversalReason", "cancelReason", "failureReason", "declineReason", "cbStatus",
    "linkedSubscriptions", "accountId", "subscriptionId", "newContractId", "contractId", "quantity", "invoiceChargeAmount",
    "invoiceChargeCurrency", "transactionDate", "untilDate", "testMode",
)  # fmt: skip
#: ... and some of those that come along and are dropped (bluesnap/webhooks.md section 3), the last one our own invention.
UNREAD = (
    "creditCardLastFourDigits", "creditCardExpDate", "creditCardType", "firstName", "lastName", "email", "invoiceFirstName",
    "workPhone", "remoteAddress", "personalIdentificationNumber", "licenseKey", "merchantTransactionId", "bluesnapNode", "cardNumber",
)  # fmt: skip
_FIELD = entrances.Operation("POST", PATH, "", (), keyed=False, media=None, body=None)


class Copy(Protocol):
    """What a sender of notices needs of the private copy."""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the service."""

    settings: dict[str, str]

    def lever(self, name: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """A lever of the simulator."""


def attempts(copy: Copy, traffic: wire.Traffic) -> Iterator[Attempt]:
    """Each parameter, as a value, and the name of a parameter: card numbers in their spellings, then a marker."""
    now = datetime.fromisoformat(copy.lever("clock")["now"]).astimezone(UTC)
    sign = _Signer(copy.settings["PANLESS_WEBHOOK_KEYS"].split(",")[0], now.strftime("%Y-%m-%d %H:%M:%S.000"))
    sender = Sender(copy.address, traffic)
    for index, name in enumerate((*READ, *UNREAD, "")):
        place = f"parameter {name}" if name else "name of a parameter"
        entrance, card = f"notice · {place}", CARDS[index % len(CARDS)]
        spellings = asking.forms(entrances.Entrance(_FIELD, entrances.QUERY, (name,)), card.text)
        for form, value in spellings:
            yield sender.attempt(GROUP, entrance, (form, card, sign.notice(name, str(value))), taken)
        word = belongings.canary(belongings.MARKER, entrance, marker())
        yield sender.attempt(GROUP, entrance, ("marker", word, sign.notice(name, word.text)), taken)


def taken(answer: wire.Answer) -> str:
    """A notice that is authentic is never refused for what it carries: BlueSnap would only send it again."""
    return "" if answer.status == 200 and not answer.body else f"answered with {answer.status or 'nothing'}"


class _Signer:
    """Notices as BlueSnap signs them (bluesnap/webhooks.md section 2.1)."""

    def __init__(self, key: str, stamp: str) -> None:
        self._key, self._stamp = key, stamp

    def notice(self, name: str, value: str) -> bytes:
        """A payment of a subscription that nobody knows, with this value in one parameter, or as a parameter's name."""
        form = {
            "transactionType": "CHARGE",
            "referenceNumber": str(7_000_000_000 + secrets.randbelow(10**9)),
            "subscriptionId": "48305573",
            "accountId": "46519025",
            "invoiceChargeAmount": "87.00",
            "invoiceChargeCurrency": "USD",
            "testMode": "N",
            name or value: value if name else "1",
        }
        body = "&".join(f"{quote_plus(one)}={quote_plus(text)}" for one, text in form.items()).encode()
        headers = [
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("bls-ipn-timestamp", self._stamp),
            ("bls-signature", signature.sign(self._key, self._stamp, body)),
        ]
        return wire.request("POST", PATH, headers, body)
