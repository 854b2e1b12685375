"""The cases that come in as authentic notices (E80 to E89, E94, E97 to E99): rightly signed forms that hold what no notice should."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, quote_plus
from zoneinfo import ZoneInfo

from leaks_provider import awaited, bought
from leaks_registry import sender
from leaks_stage import JSON, WEBHOOKS

from service.bluesnap import signature
from service.evidence.wire import request
from tests.support.disguises import KINDS, PIECES

FORM = ("Content-Type", "application/x-www-form-urlencoded")
#: Forms that are percent-encoded already: a form field is sent like that.
AS_IT_IS = {"X19", "X20"}
PACIFIC = ZoneInfo("America/Los_Angeles")
#: What is kept of the notice below, whatever else it holds; the rest of a row is ours.
KEPT = {
    "type": "CHARGE", "provider_subscription": "48305573", "provider_shopper": "46519025", "currency": "USD",
    "reversal_reference": None, "reversal_amount": None, "dispute_status": None,
}  # fmt: skip
ROW = """SELECT type, reference, provider_subscription, provider_shopper, amount::text, currency, reversal_reference,
                reversal_amount::text, dispute_status, outcome, reason
         FROM notices WHERE reference = %s"""
NAMES = (
    "type", "reference", "provider_subscription", "provider_shopper", "amount", "currency", "reversal_reference",
    "reversal_amount", "dispute_status", "outcome", "reason",
)  # fmt: skip
#: What the queue's jobs were given, and whether it is anything but the time at which they fell due.
ARGUMENTS = "SELECT count(*) FROM jobs.procrastinate_jobs WHERE args - 'timestamp' <> '{}' OR args->>'timestamp' !~ '^[0-9]{10}$'"


def fields_of(reference, **changed):
    """A notice as BlueSnap sends them, cut down to a few dozen of its hundred parameters; one that is None is left out."""
    form = {
        "transactionType": "CHARGE", "referenceNumber": reference, "subscriptionId": "48305573", "accountId": "46519025",
        "invoiceChargeAmount": "87.00", "invoiceChargeCurrency": "USD", "invoiceAmountUSD": "87.00", "currency": "USD",
        "contractId": "2340001", "contractName": "Team monthly", "productId": "713209", "quantity": "1", "testMode": "N",
        "transactionDate": datetime.now(PACIFIC).strftime("%m/%d/%Y %I:%M %p"), "paymentMethod": "CC",
        "creditCardType": "VISA", "creditCardLastFourDigits": "9299", "creditCardExpDate": "5/2031", "cvvSent": "Y",
        "firstName": "Testa", "lastName": "Shopper", "email": "shopper@example.com", "country": "US", "zipCode": "02451",
        "remoteAddress": "203.0.113.94", "merchantTransactionId": "", "licenseKey": "", "couponCode": "", "authKey": "",
        "originalRequestUrl": "http://shop.example/checkout", "targetBalance": "BLUESNAP_ACCOUNT", "bluesnapNode": "99",
    }  # fmt: skip
    return {name: value for name, value in (form | changed).items() if value is not None}


def reference():
    """A reference that no other notice has."""
    return str(random.SystemRandom().randrange(10**9, 10**10))


def encoded(fields):
    """The bytes of a form; pairs of bytes go out as they are."""
    pairs = fields.items() if isinstance(fields, dict) else fields
    plain = (
        pair if isinstance(pair[0], bytes) else tuple(quote_plus(part).encode() for part in pair) for pair in pairs
    )
    return b"&".join(b"%b=%b" % pair for pair in plain)


def key_of(stage):
    return stage.stand.settings["PANLESS_WEBHOOK_KEYS"].split(",")[0]


def stamp_of(stage, **earlier):
    """The time of the stand's clock as BlueSnap writes it."""
    now = datetime.fromisoformat(stage.stand.lever("clock")["now"]).astimezone(UTC)
    return (now - timedelta(**earlier)).strftime("%Y-%m-%d %H:%M:%S.000")


def delivery(stage, body, *, stamp=None, signed=None, headers=(FORM,), query=""):
    """The bytes of a notice, rightly signed unless `signed` is something else (nothing at all if empty)."""
    stamp = stamp if stamp is not None else stamp_of(stage)
    proof = signature.sign(key_of(stage), stamp, body) if signed is None else signed
    given = [("bls-ipn-timestamp", stamp), ("bls-signature", proof)] if proof else []
    return request("POST", WEBHOOKS + query, [("User-Agent", "BlueSnap"), *given, *headers], body)


def document(stage):
    """A notice as JSON, which none is."""
    case = stage.case
    word = stage.payload(case)
    return json.dumps(
        {"transactionType": "CHARGE", "cvv": word, "card": word, stage.labelled(case): stage.marker}
    ).encode()


# what of an authentic notice is kept


def rows_of(stage, known):
    with stage.stand.connect() as connection:
        return [dict(zip(NAMES, row, strict=True)) for row in connection.execute(ROW, (known,)).fetchall()]


def arguments_are_ids(stage):
    with stage.stand.connect() as connection:
        return connection.execute(ARGUMENTS).fetchone()[0] == 0


def dropped(stage, known, body, *, keeps=None, also=()):
    """Deliver a notice: it is taken with an empty 200, its row holds nothing but what is on the list, and no job knows of it."""
    raw = delivery(stage, body)
    seen = stage.send_all([raw, *also])

    def judge():
        assert [(one.status, one.body) for one in seen.answers] == [(200, b"")] * len(seen.answers)
        assert arguments_are_ids(stage)
        [row] = rows_of(stage, known)
        wanted = {"reference": known, "amount": "87.000", **KEPT, **(keeps or {})}
        assert {name: row[name] for name in wanted} == wanted
        assert row["outcome"] in {"waiting", "hint", "ignored"}

    seen.judge = judge
    return seen


def in_field(name):
    """A sender that puts the case's data into this parameter."""

    def send(case, stage):
        known = reference()
        return dropped(stage, known, encoded(fields_of(known, **{name: stage.labelled(case)})))

    return send


sender("E80")(in_field("creditCardLastFourDigits"))
sender("E86")(in_field("licenseKey"))
sender("E88")(in_field("merchantTransactionId"))


@sender("E81")
def parameter_name(case, stage):
    """Of a form, and of a document that stands where a form belongs."""
    known = reference()
    unread = delivery(stage, document(stage), headers=[JSON])
    return dropped(stage, known, encoded(fields_of(known, **{stage.labelled(case): stage.marker})), also=[unread])


@sender("E82")
def custom_parameter(case, stage):
    """In whatever form; what a form makes several values of comes under one name, and as a list in another."""
    known = reference()
    pairs = list(fields_of(known, custom1=stage.marker).items())
    if case.enc in PIECES:
        pieces = PIECES[case.enc](KINDS[case.data])
        pairs += [("custom2", piece) for piece in pieces] + [("custom3", stage.fragment(case))]
    elif case.enc in AS_IT_IS:
        pairs = [tuple(quote_plus(part).encode() for part in pair) for pair in pairs]
        pairs.append((b"custom2", stage.payload(case).encode()))
    else:
        pairs.append(("custom2", stage.payload(case)))
    return dropped(stage, known, encoded(pairs))


@sender("E83")
def shopper_names(case, stage):
    known, said = reference(), stage.labelled(case)
    names = dict.fromkeys(("firstName", "lastName", "invoiceFirstName", "shippingLastName", "company"), said)
    return dropped(stage, known, encoded(fields_of(known, **names)))


@sender("E84")
def expiry(case, stage):
    """D15 is an expiry and a name: each goes where it belongs."""
    known, said = reference(), stage.payload(case)
    day, _, person = said.partition(" ")
    return dropped(stage, known, encoded(fields_of(known, creditCardExpDate=day, lastName=person or "Shopper")))


@sender("E85")
def account_updater(case, stage):
    """Old and new expiry of a card that the networks changed, and its old and new number."""
    known, said = reference(), stage.labelled(case)
    updated = fields_of(
        known, transactionType="ACCOUNT_UPDATER", invoiceChargeAmount=None, invoiceChargeCurrency=None,
        linkedSubscriptions="48305573,48305574", originalCreditCardLast4Digits=said, updatedCreditCardLast4Digits=said,
        originalCreditCardExpirationMonth="3", originalCreditCardExpirationYear=said, updatedCreditCardExpirationYear=said,
    )  # fmt: skip
    return dropped(stage, known, encoded(updated), keeps={"type": "ACCOUNT_UPDATER", "amount": None, "currency": None})


@sender("E87")
def request_url(case, stage):
    known = reference()
    url = f"http://shop.example/pay?{quote(stage.labelled(case), safe='=')}&card={quote(stage.payload(case))}"
    return dropped(stage, known, encoded(fields_of(known, originalRequestUrl=url)))


@sender("E89")
def reversal_reason(case, stage):
    """Free text in a field that is on the list: of a reason only a word of ours is ever taken."""
    known, other = reference(), reference()
    reversal = fields_of(
        known, transactionType="REFUND", invoiceChargeAmount="-87.00", reversalRefNum=other,
        reversalReason=f"he wrote: {stage.labelled(case)}", cancelReason=stage.labelled(case),
    )  # fmt: skip
    return dropped(
        stage, known, encoded(reversal), keeps={"type": "REFUND", "amount": "-87.000", "reversal_reference": other}
    )


@sender("E97")
def not_utf8(case, stage):
    """Bytes of no text beside the digits, percent-encoded and as they are; in a field that is on the list too."""
    known, said = reference(), stage.labelled(case).encode()
    body = encoded(fields_of(known, transactionDate=None))
    body += b"&firstName=%FF%FE" + said + b"&lastName=\xff\xfe" + said + b"&transactionDate=%FF" + said
    return dropped(stage, known, body)


@sender("E98")
def repeated(case, stage):
    """Twice under one name, on the list or not: what fails its format makes the notice a hint."""
    known, said = reference(), stage.labelled(case)
    twice = [("creditCardLastFourDigits", said), ("invoiceChargeCurrency", said), ("custom1", said), ("custom1", said)]
    return dropped(stage, known, encoded([*fields_of(known).items(), *twice]))


@sender("E99")
def personal_data(case, stage):
    known, said = reference(), stage.labelled(case)
    names = ("personalId", "remoteAddress", "faxNumber", "address1", "invoiceAddress2", "workPhone", "shippingCity")
    return dropped(stage, known, encoded(fields_of(known, **dict.fromkeys(names, said))))


@sender("E94")
def stale(case, stage):
    """Signed two hours ago: kept as a hint, which changes nothing, and BlueSnap is asked about the subscription that it names."""
    _, subscription, shopper = bought(stage)
    known, before = reference(), stage.provider.mark()
    told = fields_of(
        known, subscriptionId=subscription, accountId=shopper, firstName=stage.labelled(case),
        custom1=stage.payload(case), creditCardLastFourDigits=stage.payload(case),
    )  # fmt: skip
    seen = stage.send(delivery(stage, encoded(told), stamp=stamp_of(stage, hours=2)))

    def judge():
        assert (seen.answer.status, seen.answer.body) == (200, b"")
        asked = awaited(lambda: stage.provider.asked_about(subscription, before))
        assert asked, "nobody asked BlueSnap"
        [row] = rows_of(stage, known)
        assert (row["type"], row["provider_subscription"]) == ("CHARGE", subscription)
        assert (row["outcome"], row["reason"]) in {("hint", "stale"), ("applied", "by_look")}
        assert arguments_are_ids(stage)

    seen.judge = judge
    return seen
