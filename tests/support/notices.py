"""Notices as BlueSnap sends them: a form, signed over its raw bytes and a timestamp."""

from __future__ import annotations

from datetime import UTC, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from service.billing.hearing import notices
from service.bluesnap import signature
from service.store.journal import Origin
from tests.support.tools import START, WEBHOOK_KEY

BLUESNAP = Origin("bluesnap")


def charge_form(subscription=None, **changed):
    """A notice of a payment of that subscription at BlueSnap; a field that is None is left out."""
    form = {
        "transactionType": "CHARGE",
        "referenceNumber": "7200001",
        "subscriptionId": "7100009",
        "accountId": "7100008",
        "invoiceChargeAmount": "290.00",
        "invoiceChargeCurrency": "USD",
        "transactionDate": START.astimezone(ZoneInfo("America/Los_Angeles")).strftime("%m/%d/%Y %I:%M %p"),
        "testMode": "N",
        "firstName": "Mira",
        "creditCardLastFourDigits": "9299",
    }
    if subscription is not None:
        form |= {"subscriptionId": subscription.subscription_id, "accountId": subscription.shopper_id}
        form |= {"referenceNumber": subscription.charge.transaction_id}
    return urlencode({name: value for name, value in (form | changed).items() if value is not None}).encode()


def dispute_form(subscription=None, status="New", reference="7500001", **changed):
    """A notice of a dispute of that subscription's charge: of its opening if it is new, else of a step further."""
    form = {
        "transactionType": "CHARGEBACK" if status == "New" else "CHARGEBACK_STATUS_CHANGED",
        "reversalRefNum": reference,
        "cbStatus": status,
        "invoiceChargeAmount": "-290.00",
    }
    return charge_form(subscription, **(form | changed))


def at_minute(minute):
    """BlueSnap's time of so many minutes after the tests' beginning."""
    moment = START + timedelta(minutes=minute)
    return moment.astimezone(ZoneInfo("America/Los_Angeles")).strftime("%m/%d/%Y %I:%M %p")


def deliver(tools, body, signed_at="now"):
    """What becomes of a notice that is authentic."""
    moment = tools.clock() if signed_at == "now" else signed_at
    return notices.take_in(tools, BLUESNAP, notices.Delivery(body, moment))


def signed_headers(body, moment=START, key=WEBHOOK_KEY):
    """The headers of an authentic notice, and what its media type is."""
    stamp = moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.000")
    return {
        "bls-ipn-timestamp": stamp,
        "bls-signature": signature.sign(key, stamp, body),
        "Content-Type": "application/x-www-form-urlencoded",
    }
