"""BlueSnap's notices in a test's own hands: kept back, signed anew with any key and any time, sent by many at once. Knows nothing of how the service is made."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import socket
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode

import requests

from tests.journeys.journeys_stage import WEBHOOKS, account_of, eventually, new_name, paused, told

FORM = "application/x-www-form-urlencoded"
#: Far longer than an answer takes on a busy machine.
PATIENCE = 60.0


def now(stage):
    """Business time."""
    return datetime.fromisoformat(stage.lever("clock")["now"])


def go(stage, span):
    """Let so much business time pass (ISO 8601), with everything that falls due on the way."""
    stage.lever("clock", {"advance": span})


def stamp_of(moment):
    """The text of a signed timestamp, in UTC (bluesnap/webhooks.md section 2.1)."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="milliseconds")


def key_of(stage):
    """The key that both sides have."""
    lines = stage.stack.settings_file.read_text(encoding="utf-8").splitlines()
    [found] = [line for line in lines if line.startswith("PANLESS_WEBHOOK_KEYS=")]
    return found.partition("=")[2].partition(",")[0]


def sign(key, stamp, body):
    """Hex HMAC over the timestamp's text and the raw body."""
    return hmac.new(key.encode(), stamp.encode() + _raw(body), hashlib.sha256).hexdigest()


def headers_for(stage, body, *, age=timedelta(), stamp=None, key=None):
    """What BlueSnap puts beside a body that it signed so long ago (a negative age: that is yet to come)."""
    stamp = stamp or stamp_of(now(stage) - age)
    return {"Content-Type": FORM, "bls-ipn-timestamp": stamp, "bls-signature": sign(key or key_of(stage), stamp, body)}


def deliver(stage, body, **how):
    """A notice, rightly signed unless said otherwise; the raw answer."""
    return stage.call("POST", WEBHOOKS, headers=headers_for(stage, body, **how), data=_raw(body))


def taken(stage, body, **how):
    """A notice that must be acknowledged, with nothing in the answer."""
    answer = deliver(stage, body, **how)
    assert (answer.status_code, answer.content) == (200, b""), told(answer)


def all_at_once(stage, bodies):
    """The statuses for these notices, each sent on a connection of its own, and all released at the same moment."""
    stamp, key = stamp_of(now(stage)), key_of(stage)
    start = threading.Barrier(len(bodies))

    def send(body):
        with socket.create_connection(("127.0.0.1", stage.stack.ports.service), timeout=PATIENCE) as line:
            request = _request(stage, body, headers_for(stage, body, stamp=stamp, key=key))
            start.wait(PATIENCE)
            line.sendall(request)
            answer = http.client.HTTPResponse(line)
            answer.begin()
            return answer.status, answer.read()

    with ThreadPoolExecutor(len(bodies)) as pool:
        return list(pool.map(send, bodies))


def poured(stage, asked, senders):
    """The answers to requests (body, headers), by as many senders, each on one connection as long as it lasts: (status, body, headers)."""
    kept = threading.local()
    lines = []

    def post(body, headers):
        if getattr(kept, "line", None) is None:
            kept.line = http.client.HTTPConnection("127.0.0.1", stage.stack.ports.service, timeout=PATIENCE)
            lines.append(kept.line)
        kept.line.request("POST", WEBHOOKS, _raw(body), headers)
        answer = kept.line.getresponse()
        return answer.status, answer.read(), answer.headers

    def send(one):
        body, headers = one
        try:
            return post(body, headers)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            kept.line.close()  # a connection that had served its number of requests: this one was not read
            return post(body, headers)

    try:
        with ThreadPoolExecutor(senders) as pool:
            return list(pool.map(send, asked))
    finally:
        for line in lines:
            line.close()


def _request(stage, body, headers):
    raw = _raw(body)
    fields = {"Host": f"127.0.0.1:{stage.stack.ports.service}", "Content-Length": len(raw), "Connection": "close"}
    head = "".join(f"{name}: {value}\r\n" for name, value in (fields | headers).items())
    return f"POST {WEBHOOKS} HTTP/1.1\r\n{head}\r\n".encode() + raw


def _raw(body):
    return body if isinstance(body, bytes) else body.encode()


# what BlueSnap has to say


@contextlib.contextmanager
def kept_back(stage):
    """BlueSnap says nothing by itself meanwhile, and all of it afterwards."""
    stage.lever("notices", {"mode": "hold"})
    try:
        yield
    finally:
        stage.lever("notices", {"mode": "send"})


def bodies(stage, subscription, kind=None):
    """The bodies of BlueSnap's notices about a subscription, in the order they were written."""
    mine = f"subscriptionId={subscription}"
    found = [one for one in stage.lever("notices")["notices"] if mine in one["body"].split("&")]
    return [one["body"] for one in found if kind in (None, one["type"])]


def composed(kind, *, at, **fields):
    """A body like BlueSnap's, of few words."""
    date = at.strftime("%m/%d/%Y %I:%M %p")
    return urlencode({"transactionType": kind, "transactionDate": date, "testMode": "N", **fields})


def form_of(body):
    """The parameters of a body."""
    return dict(parse_qsl(body, keep_blank_values=True))


# what we keep


def inbox(stage, body):
    """The rows of the inbox that have the references of a body: (outcome, reason)."""
    form = form_of(body)
    query = "SELECT outcome, reason FROM notices WHERE type = %s AND reference IS NOT DISTINCT FROM %s"
    query += (
        " AND provider_subscription IS NOT DISTINCT FROM %s AND reversal_reference IS NOT DISTINCT FROM %s ORDER BY id"
    )
    names = ("referenceNumber", "subscriptionId", "reversalRefNum")
    return stage.sql(query, form["transactionType"], *(form.get(name) or None for name in names))


def charges(stage, reference):
    """How often a payment is recorded, and how many entries and events say so."""
    query = (
        "SELECT count(DISTINCT charges.id), count(entries.number), count(events.id) FROM charges"
        " LEFT JOIN entries ON entries.subject = charges.id AND entries.act = 'charge.recorded'"
        " LEFT JOIN events ON events.entry = entries.number WHERE charges.reference = %s"
    )
    return stage.sql(query, reference)[0]


def bought(stage, **terms):
    """A new subscription: the payer's name, and BlueSnap's id of it."""
    name = new_name()
    stage.buy(name, **terms)
    return name, provider_id(stage, name)


def provider_id(stage, name):
    """BlueSnap's id of an account's newest subscription."""
    query = "SELECT provider_subscription FROM subscriptions WHERE account = %s ORDER BY id DESC LIMIT 1"
    return stage.sql(query, account_of(name))[0][0]


def looked(stage, within=PATIENCE):
    """Wait until every look that was asked for is made."""
    asked_for = "SELECT count(*) FROM subscriptions WHERE look_at IS NOT NULL AND looked = 0"
    eventually(lambda: stage.sql(asked_for) == [(0,)], within=within)


def give_back(stage, transaction, amount):
    """What a person does in BlueSnap's portal."""
    settings = stage.stack._environments["service"]
    who = settings["PANLESS_BLUESNAP_USER"], settings["PANLESS_BLUESNAP_PASSWORD"]
    url = f"{stage.stack.simulator_url}/services/2/transactions/refund/{transaction}"
    body = {"amount": amount, "reason": "Goodwill", "cancelSubscriptions": False}
    answer = requests.post(url, json=body, auth=who, headers={"Accept": "application/json"}, timeout=10)
    assert answer.status_code == 200, answer.text


@contextlib.contextmanager
def unheard(stage):
    """A renewal that BlueSnap has made and nobody here knows of, while the worker stands still: its subscription, and the body that will tell of it."""
    with kept_back(stage), paused(stage):
        _, subscription = bought(stage)
        go(stage, "P1M")
        [body] = bodies(stage, subscription, "RECURRING")
        yield subscription, body


def only_once(stage, body, outcome=("applied", None)):
    """One row, one payment, one entry."""
    assert inbox(stage, body) == [outcome]
    assert charges(stage, form_of(body)["referenceNumber"])[:2] == (1, 1)


def adopted(stage, folder, number):
    """So many customers that BlueSnap has already, one month paid, taken over by an operator: BlueSnap's ids."""
    seeded = stage.lever("seed", {"subscriptions": [{"count": number, "plan_id": 2340001, "amount": 29}]})
    ids = [str(one["subscription_id"]) for one in seeded["subscriptions"]]
    lines = "\n".join(f"acct-{uuid.uuid4().hex[:8].translate(LETTERS)},{one}" for one in ids)
    file = folder / "adopted.csv"
    file.write_text(f"account,subscription\n{lines}\n", encoding="utf-8")
    done = stage.command("adopt", str(file), "--apply")
    assert done.returncode == 0, done.stdout + done.stderr
    return ids


#: An account's name has few digits.
LETTERS = str.maketrans("0123456789", "ghijklmnop")
