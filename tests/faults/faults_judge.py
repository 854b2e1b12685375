"""What must hold once a stack is quiet again: the invariants of the fault list, judged by BlueSnap's ledger and our tables, past every proxy.

It never takes the service's word for what happened. I7 searches for the test cards' numbers until the scanner of the leak matrix does; I11 (three
servers), I12 (recovery) and I13 (grants) come with what they are about. I16 and the second sweep of I4 act on the stack, so they are here; all
others are functions of what was read (faults_invariants.py).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from dev import doors
from tests.faults import faults_facts, faults_invariants
from tests.faults.faults_clients import Buyer
from tests.journeys.journeys_stage import eventually

#: I16: healthy again within so many seconds.
HEALTHY_WITHIN = 30.0
SWEEP = ("sweep", "--apply", "--charges")


@dataclass
class Verdict:
    """`violations` begin with their invariant; `affected` counts the objects that each was evaluated on; `notes` are no violations."""

    violations: list = field(default_factory=list)
    affected: dict = field(default_factory=dict)
    notes: list = field(default_factory=list)

    def add(self, invariant, affected, violations):
        self.affected[invariant] = self.affected.get(invariant, 0) + affected
        self.violations += [f"{invariant}: {one}" for one in violations]


def is_quiet(stage):
    """Whether nothing is undecided, pending or on its way any more: signups, keys, changes, refunds, looks, notices, events."""
    return not unquiet(stage)


def unquiet(stage, but=()):
    """What is not settled yet, by kind, without the kinds of `but`; empty once all is quiet. What is due within a lease's time counts."""
    settings = stage.stack._environments["service"]
    lease = int(settings.get("PANLESS_LEASE_SECONDS", "90"))
    found = {}
    with psycopg.connect(stage.direct_url, autocommit=True) as connection:
        for kind, statement in _UNSETTLED.items():
            found[kind] = connection.execute(statement, {"lease": lease, "told": _told(settings)}).fetchone()[0]
    if settings.get("PANLESS_IDEMPOTENCY_PROVEN", "true") != "true" and found["signups"]:
        found["signups"] -= _left_waiting(stage)
    found = {kind: number for kind, number in found.items() if number and kind not in but}
    if not found:
        queued = sum(one["state"] == "queued" for one in stage.lever("notices")["notices"])
        found = {"notices on their way": queued} if queued else {}
    return found


_UNSETTLED = {
    "signups": "SELECT count(*) FROM signups WHERE state NOT IN ('active', 'replaced', 'declined', 'released', 'stuck')",
    "keys": "SELECT count(*) FROM idempotency_keys WHERE status IS NULL AND lease_until > clock_timestamp()",
    "changes": "SELECT count(*) FROM subscriptions WHERE pending_change IS NOT NULL",
    "looks": "SELECT count(*) FROM subscriptions WHERE provider_subscription IS NOT NULL"
    " AND look_at < clock_timestamp() + make_interval(secs => %(lease)s)",
    "refunds": "SELECT count(*) FROM refunds WHERE status IN ('requested', 'unknown')"
    " OR status = 'pending' AND lease_until < clock_timestamp() + make_interval(secs => %(lease)s)",
    "waiting notices": "SELECT count(*) FROM notices n JOIN subscriptions s USING (provider_subscription)"
    " WHERE n.outcome = 'waiting'",
    "events": "SELECT count(*) FROM events WHERE %(told)s AND state = 'pending'"
    " AND next_at < clock_timestamp() + make_interval(secs => %(lease)s)",
    "entries not told": "SELECT count(*) FROM entries e, event_cursor c WHERE %(told)s AND (e.xid, e.number) > (c.xid, c.number)",
}


def _told(settings):
    return bool(settings.get("PANLESS_EVENTS_URL"))


def _left_waiting(stage):
    """Signups of which BlueSnap has nothing and which, without proven keys, are never sent again: they wait a day, and then for a person."""
    waiting = stage.sql("SELECT provider_shopper FROM signups WHERE state = 'subscription_unknown'")
    sold_to = {entry["shopper_id"] for entry in stage.ledger() if entry["kind"] == "subscription"}
    return sum(shopper not in sold_to for (shopper,) in waiting)


def judge(stage, *, buyers=(), sweep=True, deep=True):
    """Every invariant, now. `sweep`: reconcile first, and again to see that it changes nothing; `deep`: search for card data (I7).

    `buyers` need not have got an answer; each must have ended where an account may end.
    """
    verdict = Verdict()
    healthy(stage, verdict)
    if sweep:
        _reconcile(stage, verdict)
    facts = faults_facts.gather(stage, deep=deep)
    for invariant, function in faults_invariants.INVARIANTS.items():
        if deep or invariant != "I7":
            verdict.add(invariant, *function(facts))
    _buyers(facts, verdict, buyers)
    if sweep:
        _second_sweep(stage, verdict)
    return verdict


def assert_holds(stage, *, buyers=(), on=("I1", "I2"), sweep=True, deep=True):
    """Settle, judge, and fail with all that is wrong: a violation, an invariant of `on` that looked at nothing, a planned fault that never fired."""
    stage.settled()
    verdict = judge(stage, buyers=buyers, sweep=sweep, deep=deep)
    idle = [f"{one} was evaluated on nothing" for one in on if not verdict.affected.get(one)]
    missed = [
        f"fault {name} was planned {times} times and seen {stage.fired.get(name, 0)} times"
        for name, times in stage.planned.items()
        if stage.fired.get(name, 0) < times
    ]
    wrong = [*verdict.violations, *idle, *missed]
    assert not wrong, "\n".join(wrong[:40])
    return verdict


def healthy(stage, verdict=None, within=HEALTHY_WITHIN):
    """I16: the service is ready and sells again, within 30 s and without anybody's help. The seconds that it took."""
    verdict = verdict or Verdict()
    begun, last = time.monotonic(), None
    while time.monotonic() - begun < within:
        last = doors.status(f"{stage.stack.service_url}/readyz")
        if last == 200 and (last := _sells(stage)) == 201:
            verdict.add("I16", 1, [])
            return time.monotonic() - begun
        time.sleep(0.1)
    verdict.add("I16", 1, [f"not healthy {within:.0f} s after the fault: {last}"])
    return None


def _sells(stage):
    """The status of a new buyer's purchase, or what became of his session."""
    buyer = Buyer(stage)
    try:
        answer = stage.order(buyer.name)
        if answer.status_code != 201:
            return answer.status_code
        buyer.session = answer.json()
        stage.fill(buyer.session)
    except OSError as error:  # what requests raises for every broken connection
        return type(error).__name__
    return buyer.complete().status


def _swept(stage):
    """How a sweep ended; None while the worker is at its own, which the clock has made due."""
    done = stage.command(*SWEEP)
    return None if "another sweep is running" in done.stderr else done


def _reconcile(stage, verdict):
    done = eventually(lambda: _swept(stage), within=60)
    if done.returncode not in {0, 1}:
        verdict.add("I4", 0, [f"the sweep could not run: {done.stderr[-300:]}"])
    verdict.notes.append(done.stdout.strip().splitlines()[-1] if done.stdout.strip() else "the sweep said nothing")
    stage.settled()


def _second_sweep(stage, verdict):
    """I4: with everything reconciled another sweep writes nothing."""
    before = faults_facts.snapshot(stage)
    done = stage.command(*SWEEP)
    after = faults_facts.snapshot(stage)
    changed = [name for name in before if before[name] != after[name]]
    what = [one for name in changed for one in set(after[name]) - set(before[name])][:3]
    verdict.add("I4", 1, [f"a second sweep changed {changed}: {what}; it said {done.stdout[-300:]}"] if changed else [])


def _buyers(facts, verdict, buyers):
    """I2 from the other side: whoever was told of a subscription has it, and nobody has one without BlueSnap having sold it."""
    rows = {(row["account"], row["id"]) for row in facts.tables["subscriptions"]}
    told = [(buyer, answer) for buyer in buyers for answer in buyer.answers if answer.status == 201]
    wrong = [
        f"{buyer.account} was told {answer.body['id']}, which it has not"
        for buyer, answer in told
        if (buyer.account, answer.body["id"]) not in rows
    ]
    verdict.add("I2", len(told), wrong)


@dataclass
class Baseline:
    """I9: what the service's workers use; `assert_back` waits until it is no more than a tenth above. `files` and `kilobytes` are sums."""

    files: int
    kilobytes: int

    @classmethod
    def take(cls, stage):
        used = [_used(pid) for pid in stage.workers()]
        return cls(sum(files for files, _ in used), sum(kilobytes for _, kilobytes in used))

    def back(self, stage, *, slack_files=4):
        """Whether the workers are back: within a tenth, and a few files that a pool may hold open."""
        now = type(self).take(stage)
        return now.files <= self.files * 1.1 + slack_files and now.kilobytes <= self.kilobytes * 1.1 and now


def _used(pid):
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return len(list(Path(f"/proc/{pid}/fd").iterdir())), int(resident.split()[1])
