"""Texts to look through: a notice and a checkout body of the usual size, log lines, values that look like card numbers and are none. Standard library only.

The same for every contender, in whatever environment it lives. Same seed, same texts.
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable
from urllib.parse import urlencode

from bench import child

#: Numbers of orders begin with none of the digits of the cards that anybody knows: 0, 1, 7, 8 and 9.
NO_CARD = "01789"


def notice_fields(reference: str = "1056823479", subscription: str = "7100009") -> dict[str, str]:
    """The parameters of a payment's notice, by the names that BlueSnap gives them; made-up values."""
    return {
        "transactionType": "CHARGE", "testMode": "N", "referenceNumber": reference, "originalReferenceNumber": "",
        "paymentMethod": "Credit Card", "creditCardType": "Visa", "transactionDate": "11/23/2026 10:15 AM",
        "untilDate": "12/23/2026 10:15 AM", "productId": "700231", "productName": "Team plan, monthly, for each member of the team, in advance",
        "contractId": "2340001", "contractName": "Team", "contractOwner": "700001", "contractPrice": "290.00",
        "quantity": "1", "currency": "USD", "addCD": "N", "coupon": "", "couponCode": "", "referrer": "",
        "accountId": "7100008", "title": "", "firstName": "Mira", "lastName": "Okafor", "company": "Example Works Ltd",
        "address1": "12 Long Harbour Street", "address2": "Second floor", "city": "Waltham", "state": "MA",
        "country": "us", "zipCode": "02451", "email": "mira.okafor@example.org", "workPhone": "781 555 0142",
        "extension": "", "mobilePhone": "781 555 0177", "homePhone": "", "faxNumber": "", "licenseKey": "",
        "shippingFirstName": "Mira", "shippingLastName": "Okafor", "shippingAddress1": "12 Long Harbour Street",
        "shippingAddress2": "", "shippingCity": "Waltham", "shippingState": "MA", "shippingCountry": "us",
        "shippingZipCode": "02451", "shippingMethod": "", "remoteAddress": "198.51.100.23",
        "invoiceTitle": "Team plan", "invoiceTitleText": "Monthly subscription of the Team plan, billed in advance for all members of that day; cancel at any time",
        "invoiceCompany": "Example Works Ltd", "invoiceFirstName": "Mira", "invoiceLastName": "Okafor",
        "invoiceEmail": "billing@example.org", "invoiceAddress1": "12 Long Harbour Street", "invoiceCity": "Waltham",
        "invoiceState": "MA", "invoiceCountry": "us", "invoiceZipCode": "02451", "invoiceWorkPhone": "781 555 0142",
        "invoiceChargeCurrency": "USD", "invoiceChargeAmount": "290.00", "invoiceAmountUSD": "290.00",
        "invoiceInfoURL": "https://example.org/account/invoices/show?order=1056823479&invoice=1056823479&key=bd60f3a7c91e&from=notice&lang=en",
        "contractLineItemReference": "a3f5c2d8-4b1e-4f60-9c27-5d8e1b7f6a90", "subscriptionId": subscription,
        "merchantTransactionId": "att-9d3be1f04c7a4b2f8e65", "overrideRecurringChargeAmount": "290.00", "chargeFrequency": "MONTHLY", "nextChargeDate": "12/23/2026", "subscriptionStartDate": "08/23/2026", "language": "ENGLISH", "vatId": "", "vatPercent": "0",
        "targetBalance": "PAYPAL_ACCOUNT", "softDescriptor": "EXAMPLE*TEAM", "cardLastFourDigits": "1111",
        "avsResponseCodeZip": "M", "avsResponseCodeAddress": "M", "avsResponseCodeName": "N", "authKey": "0d2c7a9e41b6f85370c1e9ab24d6f870",
    }  # fmt: skip


def notice(reference: str = "1056823479", subscription: str = "7100009") -> str:
    """A notice as it is sent: about 2.2 KB."""
    return urlencode(notice_fields(reference, subscription))


def checkout() -> str:
    """A body of `POST /v1/checkout-sessions`."""
    return json.dumps({
        "account": "acct_5f2b9c01d7e84a63", "plan": "team", "members": 12, "purpose": "subscribe", "client_address": "198.51.100.23",
    })  # fmt: skip


def log_lines(number: int = 500, seed: int = 7) -> list[str]:
    """Lines of about 457 bytes, each with a time in milliseconds, an order number of 16 digits, a UUID and a hash of 32 hexadecimal digits."""
    chance = random.Random(seed)  # noqa: S311 - the same texts every time
    return [
        json.dumps({
            "time": f"2026-11-23T10:{chance.randrange(60):02}:{chance.randrange(60):02}.{chance.randrange(1000):03}Z",
            "level": "info", "event": "request.answered", "door": "checkout", "method": "POST", "route": "/v1/checkout-sessions", "status": 201,
            "ms": round(chance.uniform(1, 900), 1), "at": 1_790_000_000_000 + chance.randrange(10**10), "order": _order(chance),
            "request_id": str(uuid.UUID(int=chance.getrandbits(128), version=4)), "trace": f"{chance.getrandbits(128):032x}",
            "agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "host": "billing.example.org",
        })
        for _ in range(number)
    ]  # fmt: skip


def _order(chance: random.Random) -> str:
    return chance.choice(NO_CARD) + "".join(chance.choices("0123456789", k=15))


def lookalikes(number: int = 10_000, seed: int = 11) -> list[str]:
    """Times in three units, UUIDs, hashes of three lengths, order numbers: each as a value of its own, none a card's number."""
    chance = random.Random(seed)  # noqa: S311 - the same texts every time
    kinds: list[Callable[[], str]] = [
        lambda: str(1_790_000_000_000 + chance.randrange(10**11)),
        lambda: str(1_790_000_000_000_000 + chance.randrange(10**14)),
        lambda: str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        lambda: f"{chance.getrandbits(128):032x}",
        lambda: f"{chance.getrandbits(160):040x}",
        lambda: f"{chance.getrandbits(256):064x}",
        lambda: _order(chance),
    ]
    return [kinds[place % len(kinds)]() for place in range(number)]


def works(holds_card: Callable[[str], bool]) -> tuple[child.Works, child.Works]:
    """What one who tells cards from other texts is timed with, and what is counted of it once."""
    whole, body = notice(), checkout()
    timed: child.Works = {
        "notice": lambda: holds_card(whole),
        "checkout": lambda: holds_card(body),
        "log line": child.texts(log_lines(), holds_card),
    }
    return timed, {"flagged": lambda: float(sum(map(holds_card, lookalikes())))}
