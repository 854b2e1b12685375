"""What is read before it is judged: BlueSnap's ledger, list and notices, our tables past every proxy, and every answer that was given. It judges nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import psycopg
import requests
from psycopg.rows import dict_row

from tests.faults.faults_clients import HOLD_HEADER
from tests.journeys.journeys_stage import WEBHOOKS

#: The tables whose rows a journal entry must explain, and the ones that a sweep must leave alone when all is well.
RECORDED = ("checkout_sessions", "signups", "subscriptions", "charges", "prices", "refunds", "disputes", "tasks")
TABLES = (*RECORDED, "notices", "entries", "events", "idempotency_keys", "accounts")
#: BlueSnap's plans by ours (plans.toml), as the simulator has them.
PLANS = {"team": "2340001", "business": "2340002"}
JSON = {"Accept": "application/json", "Content-Type": "application/json"}
UNDECIDED = (
    "shopper_requested",
    "shopper_unknown",
    "shopper_vaulted",
    "subscription_requested",
    "subscription_unknown",
    "card_requested",
)


@dataclass
class Said:
    """One answer of the service, with what was asked. `seconds` is None where the request was held on purpose."""

    method: str
    path: str
    key: str | None
    sent: str
    status: int
    body: dict
    seconds: float | None


@dataclass
class Facts:
    """Everything that an invariant may look at. `theirs` are BlueSnap's subscriptions by id as they stand, `tables` our rows by table."""

    ledger: list = field(default_factory=list)
    theirs: dict = field(default_factory=dict)
    notices: list = field(default_factory=list)
    tables: dict = field(default_factory=lambda: {name: [] for name in TABLES})
    said: list = field(default_factory=list)
    behaviour: dict = field(default_factory=dict)
    proven: bool = True
    longest: float = 15.0
    recorders: list = field(default_factory=list)
    left_behind: dict = field(default_factory=dict)

    @property
    def zone(self):
        return ZoneInfo(self.behaviour.get("zone", "America/Los_Angeles"))

    def of_kind(self, kind):
        return [entry for entry in self.ledger if entry["kind"] == kind]

    def owner(self):
        """A function: whose an object of the ledger is, by our subscription, else by the attempt that made its shopper. Its own name if we know neither."""
        ours, signups = self.ours(), {row["id"]: row for row in self.tables["signups"]}

        def account_of(entry):
            about = entry["id"] if entry["kind"] == "subscription" else entry.get("subscription_id")
            attempt = entry.get("merchant_shopper_id")
            known = ours.get(about) or signups.get(attempt)
            return known["account"] if known is not None else attempt

        return account_of

    def ours(self):
        """Our subscriptions by BlueSnap's id."""
        rows = self.tables["subscriptions"]
        return {row["provider_subscription"]: row for row in rows if row["provider_subscription"] is not None}


def gather(stage, *, deep=False):
    """Read everything now; `deep` adds what a search for card data needs."""
    settings = stage.stack._environments["service"]
    behaviour = stage.lever("behaviour")
    if behaviour["lookup_lag"]:
        stage.lever("behaviour", {"lookup_lag": 0})
    facts = Facts(
        ledger=stage.ledger(),
        theirs=_subscriptions(stage),
        notices=stage.lever("notices")["notices"] + _delivered_by_hand(stage),
        tables=_tables(stage),
        said=[_said(answer) for answer in list(stage.answers)],
        behaviour=behaviour,
        proven=settings.get("PANLESS_IDEMPOTENCY_PROVEN", "true") == "true",
        longest=longest_answer(settings),
        recorders=[(one.port, one.connections) for one in stage.recorders],
        left_behind=stage.left_behind() if deep else {},
    )
    if behaviour["lookup_lag"]:
        stage.lever("behaviour", {"lookup_lag": behaviour["lookup_lag"]})
    return facts


def longest_answer(settings):
    """The seconds after which no answer may come: its turn, every call that a completion may make, each to its deadline, but never more than the
    deadline of a whole request; and what a busy machine needs on top."""
    usual = {"WAIT": 5, "REQUEST": 70, "TOTAL": 20, "CHARGE_TOTAL": 65, "CONNECT": 3}
    seconds = {name: float(settings.get(f"PANLESS_{name}_SECONDS", most)) for name, most in usual.items()}
    calls = seconds["TOTAL"] + seconds["CHARGE_TOTAL"] + 2 * seconds["CONNECT"]
    return min(seconds["WAIT"] + calls, seconds["REQUEST"]) + 10


def snapshot(stage):
    """Every row of ours that a second sweep has no reason to touch; not when the worker looks at what next, nor what it wipes when its time is over."""
    kept = {name: rows for name, rows in _tables(stage).items() if name not in {"events", "idempotency_keys"}}
    for row in (*kept["signups"], *kept["subscriptions"]):
        row.update(dict.fromkeys(("lease_until", "looked", "fence", "look_at")))
    for row in kept["checkout_sessions"]:
        row["fields_sealed"] = None
    wiped = ("session.fields_spent", "worker")
    kept["entries"] = [row for row in kept["entries"] if (row["act"], row["actor"]) != wiped]
    return {name: sorted(map(repr, rows)) for name, rows in kept.items()}


def form_of(notice):
    """The parameters of a notice as it was sent."""
    return dict(parse_qsl(notice["body"], keep_blank_values=True))


def moment_of(text):
    """A time as BlueSnap's ledger and our images write it."""
    return datetime.fromisoformat(text)


def _tables(stage):
    with psycopg.connect(stage.direct_url, row_factory=dict_row) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in TABLES}


def _subscriptions(stage):
    """BlueSnap's whole list, by pages, asked for past the proxy."""
    who = (stage.setting("PANLESS_BLUESNAP_USER"), stage.setting("PANLESS_BLUESNAP_PASSWORD"))
    found, after, size = {}, None, 500
    with requests.Session() as session:
        session.trust_env = False
        while True:
            query = {"pagesize": size, "fulldescription": "true"} | ({"after": after} if after else {})
            url = f"{stage.stack.simulator_url}/services/2/recurring/subscriptions"
            answer = session.get(url, params=query, auth=who, timeout=30, headers=JSON)
            assert answer.status_code == 200, answer.text
            page = json.loads(answer.text, parse_float=Decimal)["subscriptions"]
            found |= {str(one["subscriptionId"]): one for one in page}
            if len(page) < size:
                return found
            after = page[-1]["subscriptionId"]


def _delivered_by_hand(stage):
    """Notices that a test sent itself, in the form of the simulator's."""
    found = []
    for answer in list(stage.answers):
        asked = answer.request
        if asked.method == "POST" and asked.path_url == WEBHOOKS and asked.body:
            body = asked.body.decode("latin-1") if isinstance(asked.body, bytes) else asked.body
            kind = dict(parse_qsl(body, keep_blank_values=True)).get("transactionType", "")
            found.append({"type": kind, "body": body, "deliveries": [{"status": answer.status_code}]})
    return found


def _said(answer):
    asked = answer.request
    sent = asked.body.decode("latin-1") if isinstance(asked.body, bytes) else asked.body or ""
    try:
        body = answer.json()
    except ValueError:
        body = {}
    held = HOLD_HEADER in asked.headers
    seconds = None if held else answer.elapsed.total_seconds()
    key = asked.headers.get("Idempotency-Key")
    return Said(asked.method, asked.path_url, key, sent, answer.status_code, body, seconds)
