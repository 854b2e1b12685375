"""What a seed decides: who buys what with which cards and comes back how, what notices are said again, which faults happen when. Pure; it runs nothing.

The plan is a function of its options alone. What the machine makes of it is not: which thread comes first, and what a signal meets, is the scheduler's.
"""

from __future__ import annotations

import random
import string
from dataclasses import dataclass

PLANS = ("team", "business")
GOOD_CARDS = ("visa", "mastercard", "amex", "discover", "diners", "jcb")
BAD_CARDS = ("insufficient_funds", "call_issuer", "expired", "incorrect")
#: How a page calls: once; twice at once under one key or under two; in two tabs with a session each; or it stops waiting after a moment.
CLICKS = ("once", "once", "once", "once", "once", "twice", "twice_two_keys", "two_tabs", "hangs_up")
AFTERWARDS = ("members", "plan", "cancel", "undo", "card", "refund")
#: What is said to our door: BlueSnap's own once more, by itself or rightly signed by us; in other words; about a subscription that nobody knows, or
#: something new about one that is ours; signed two hours ago; forged.
SAYINGS = ("again", "again", "again", "ourselves", "ourselves", "reworded", "stranger", "hint", "late", "forged")
#: Buyers beyond the plan's number, for the orders of faults that nobody has met by the end.
SPARE = 40


@dataclass(frozen=True)
class Options:
    """All that a run depends on. `kinds`: of these kinds of faults only; without, the seed chooses. `says`: notices are said in these ways only."""

    seed: int
    signups: int = 200
    notices: int = 600
    faults: int = 30
    kinds: tuple = ()
    says: tuple = ()

    def line(self):
        """What replays it."""
        more = f"--signups {self.signups} --notices {self.notices} --faults {self.faults}"
        more += f" --kinds {','.join(self.kinds)}" if self.kinds else ""
        more += f" --says {','.join(self.says)}" if self.says else ""
        return f"python -m tests.faults.faults_seeds --seed {self.seed} {more}"


@dataclass(frozen=True)
class Buys:
    """One buyer: `cards` are typed in turn after declines; `comes_back` with the same key after whatever is no final answer; `after` is what follows a purchase."""

    number: int
    name: str
    plan: str
    members: int
    cards: tuple
    click: str
    comes_back: bool
    after: tuple


@dataclass(frozen=True)
class Says:
    """Something said to our door for notices: `again` by BlueSnap (lever), or by ourselves, rightly signed or not. `pick` chooses among what was said before."""

    how: str
    pick: float
    times: int


@dataclass(frozen=True)
class Fault:
    """One misfortune, begun when `at` buyers have begun. `kind` names it in the count; `how` is for who brings it about."""

    at: int
    kind: str
    how: dict


@dataclass(frozen=True)
class Plan:
    """Everything. `tasks` are buyers and sayings in the order in which they begin."""

    options: Options
    proven: bool
    behaviour: dict
    kinds: tuple
    tasks: tuple
    spare: tuple
    faults: tuple

    def told(self):
        """As lines for a person."""
        head = f"proven {self.proven}, {self.behaviour}, of {len(self.kinds)} kinds of faults: {', '.join(self.kinds)}"
        return [head, *(f"{fault.at:4d} {fault.kind} {fault.how}" for fault in self.faults), *map(str, self.tasks)]


def is_proven(seed):
    """Have BlueSnap's keys been proven under a seed?"""
    return seed % 2 == 0


def plan_of(options):
    """The plan of a seed."""
    chance = random.Random(f"panless {options}")
    proven = is_proven(options.seed)
    behaviour = {
        "idempotency": "on" if proven else chance.choice(("on", "ignored", "replays_errors")),
        "lookup_lag": chance.choice((0, 0, 0.5, 3)),
        "spent_token_code": chance.choice(("14040", "14041", "14042")),
    }
    buyers = [_buyer(chance, number) for number in range(options.signups)]
    # a good two hundred of the notices are BlueSnap's own, about these buyers
    sayings = [
        _saying(chance, options.says or SAYINGS) for _ in range(max(0, (options.notices - options.signups) * 5 // 8))
    ]
    spare = tuple(_spare(chance, options.signups + number) for number in range(SPARE))
    kinds = options.kinds or _kinds(chance)
    return Plan(
        options, proven, behaviour, kinds, _mixed(chance, buyers, sayings), spare, _faults(chance, kinds, options)
    )


def _mixed(chance, buyers, sayings):
    """Sayings among the buyers, none before the first dozen."""
    tasks = list(buyers)
    for one in sayings:
        tasks.insert(chance.randint(min(12, len(tasks)), len(tasks)), one)
    return tuple(tasks)


def _buyer(chance, number):
    cards = [chance.choice(BAD_CARDS)] if chance.random() < 0.15 else []
    if not cards or chance.random() < 0.7:
        cards.append(chance.choice(GOOD_CARDS))
    after = tuple((chance.choice(AFTERWARDS), chance.random()) for _ in range(chance.choice((0, 0, 0, 0, 1, 1, 2))))
    return Buys(
        number, _name(chance), chance.choice(PLANS), chance.randint(1, 9), tuple(cards), chance.choice(CLICKS),
        chance.random() < 0.7, after,
    )  # fmt: skip


def _spare(chance, number):
    """One that does everything once."""
    after = tuple((act, chance.random()) for act in ("members", "card", "cancel", "refund"))
    return Buys(number, _name(chance), "team", 2, ("visa",), "once", comes_back=True, after=after)


def _name(chance):
    return "".join(chance.choices(string.ascii_uppercase, k=14)).capitalize()


def _saying(chance, ways):
    how = chance.choice(ways)
    return Says(how, chance.random(), 1 if how in {"stranger", "hint"} else chance.choice((1, 1, 2, 3)))


# faults

#: Calls of BlueSnap's that every crowd makes, those that only a doubt makes, and those that follow a purchase.
CALLS = ("create_token", "create_shopper", "create_subscription")
SEARCHES = {"find_shopper": "create_shopper", "list_subscriptions": "create_subscription"}
LATER_CALLS = ("get_subscription", "list_charges", "update_subscription", "update_shopper", "refund", "get_transaction")
GARBAGE = (
    "", "[]", "null", "<html><body>Bad gateway</body></html>", '{"vaultedShopperId": ', '{"subscriptionId": NaN}',
    "[" * 5_000, '{"status": "ACTIVE", "status": "CANCELED"}',
)  # fmt: skip
RETRY_AFTER = ("1", "-1", "86400000", "soon")


def _kinds(chance):
    """Swarm testing: each seed has a subset of the kinds, and never all."""
    return tuple(kind for kind in KINDS if chance.random() < 0.55) or (USUAL,)


def _faults(chance, kinds, options):
    """The most frequent kinds are those that move money; the dear ones happen twice at most."""
    chosen, times = [], dict.fromkeys(kinds, 0)
    while len(chosen) < options.faults:
        left = [kind for kind in kinds if options.kinds or times[kind] < KINDS[kind][1]] or [USUAL]
        kind = chance.choices(left, [KINDS[kind][2] for kind in left])[0]
        times[kind] = times.get(kind, 0) + 1
        chosen.append((chance.randrange(1, max(2, options.signups * 9 // 10)), kind, KINDS[kind][0](chance)))
    chosen.sort(key=lambda one: (one[0], one[1]))
    return tuple(Fault(*one) for one in chosen)


def _lost(chance):
    call, after = chance.choice(CALLS), chance.random() < 0.6
    return {"orders": [{"call": call, "mode": "drop_after" if after else "drop_before", "times": chance.randint(1, 3)}]}


def _status(chance):
    status = chance.choice((500, 502, 503, 504))
    order = {"call": chance.choice(CALLS), "mode": "status", "status": status, "processed": chance.random() < 0.5}
    return {"orders": [order | {"times": chance.randint(1, 3)}]}


def _busy(chance):
    headers = {"Retry-After": chance.choice(RETRY_AFTER)}
    return {"orders": [{"call": chance.choice(CALLS), "mode": "status", "status": 429, "headers": headers}]}


def _late(chance):
    """Around the deadline of two seconds, and far beyond it: then it happens when nobody waits any more."""
    seconds = chance.choice((0.5, 1.9, 2.5, 4))
    order = {"call": chance.choice(CALLS[1:]), "mode": "delay", "seconds": seconds, "processed": chance.random() < 0.4}
    return {"orders": [order]}


def _drip(chance):
    seconds, processed = chance.choice((1, 3)), chance.random() < 0.8
    return {"orders": [{"call": chance.choice(CALLS), "mode": "drip", "seconds": seconds, "processed": processed}]}


def _garbage(chance):
    body, processed = chance.choice(GARBAGE), chance.random() < 0.7
    return {"orders": [{"call": chance.choice(CALLS), "mode": "garbage", "body": body, "processed": processed}]}


def _elsewhere(chance):
    return {"orders": [{"call": chance.choice(CALLS), "mode": "redirect", "processed": chance.random() < 0.5}]}


def _declined(chance):
    reason = chance.choice(("CALL_ISSUER", "INSUFFICIENT_FUNDS", "PAYMENT_GENERAL_FAILURE", "SERVER_GENERAL_FAILURE"))
    return {"orders": [{"call": chance.choice(CALLS[1:]), "mode": "decline", "reason": reason}]}


def _thin(chance):
    """True answers that say less than they might (bluesnap/variants.md section 8)."""
    fields = chance.choice((["/nextChargeDate"], ["/charge"], ["/planId", "/quantity"]))
    return {"orders": [{"call": "create_subscription", "mode": "alter", "remove": fields}]}


def _searched(chance):
    """An answer is lost, and the look-up that it calls for goes wrong as well."""
    search = chance.choice(tuple(SEARCHES))
    lost = {"call": SEARCHES[search], "mode": "drop_after"}
    wrong = chance.choice(
        (
            {"mode": "status", "status": 503},
            {"mode": "status", "status": 403, "body": "USER_NOT_AUTHORIZED"},
            {"mode": "drop_before"},
            {"mode": "garbage", "body": "[]"},
        )
    )
    return {"orders": [lost, {"call": search, **wrong}]}


def _afterwards(chance):
    """What follows a purchase goes wrong: changes, refunds, cards, looks."""
    mode = chance.choice(
        (
            {"mode": "drop_after"},
            {"mode": "drop_before"},
            {"mode": "status", "status": 503, "processed": chance.random() < 0.5},
            {"mode": "delay", "seconds": 2.5},
            {"mode": "garbage", "body": "[]", "processed": True},
        )
    )
    return {"orders": [{"call": chance.choice(LATER_CALLS), **mode}]}


def _way_bluesnap(chance):
    toxic = chance.choice(
        (
            {"latency_up": 0.2},
            {"latency_down": 0.5},
            {"cut_up_after": chance.randint(1, 900)},
            {"cut_down_after": chance.randint(1, 900)},
            {"cut_up_after": chance.randint(1, 900), "reset": True},
            {"cut_down_after": chance.randint(1, 900), "reset": True},
            {"drip_down": 0.01},
            {"swallow_up": True},
            {"swallow_down": True},
            {"refuse": True},
        )
    )
    return {"where": "bluesnap", "toxic": toxic, "connections": chance.randint(1, 4)}


def _way_database(chance):
    toxic = chance.choice(
        (
            {"latency_up": 0.05},
            {"latency_down": 0.1},
            {"cut_up_after": chance.randint(300, 6_000)},
            {"cut_down_after": chance.randint(1_500, 9_000)},
            {"cut_up_after": chance.randint(300, 6_000), "reset": True},
            {"cut_down_after": chance.randint(1_500, 9_000), "reset": True},
            {"drip_down": 0.001},
            {"swallow_up": True},
            {"swallow_down": True},
            {"refuse": True},
        )
    )
    return {"where": "database", "toxic": toxic, "connections": chance.randint(1, 6)}


def _process(chance):
    return {"pick": chance.random()}


def _stopped(chance):
    """Shorter than the worker's time-out of three seconds, or longer than it."""
    return {"pick": chance.random(), "seconds": chance.choice((0.5, 1.5, 4))}


def _clock(chance):
    return {"advance": chance.choice(("PT4M", "PT20M", "PT90M"))}


def _kept_back(chance):
    mode = chance.choice(("hold", "duplicate", "shuffle", "drop"))
    return {"mode": mode, "more": {"duplicate": {"times": 3}, "shuffle": {"seconds": 2}}.get(mode, {})}


def _nothing(_):
    return {}


USUAL = "call.lost"
#: Kind of fault: how it is drawn, how often a seed may have it, how much it weighs.
KINDS = {
    "call.lost": (_lost, 99, 6),
    "call.status": (_status, 99, 5),
    "call.busy": (_busy, 99, 2),
    "call.late": (_late, 6, 3),
    "call.drip": (_drip, 3, 1),
    "call.garbage": (_garbage, 99, 3),
    "call.redirect": (_elsewhere, 4, 1),
    "call.declined": (_declined, 99, 3),
    "call.thin": (_thin, 3, 1),
    "call.search": (_searched, 4, 3),
    "call.afterwards": (_afterwards, 99, 4),
    "way.bluesnap": (_way_bluesnap, 6, 4),
    "way.database": (_way_database, 5, 4),
    "kill.worker": (_process, 5, 3),
    "stop.worker": (_stopped, 2, 2),
    "kill.service": (_nothing, 1, 1),
    "kill.jobs": (_nothing, 2, 2),
    "cut.database": (_nothing, 4, 3),
    "restart.database": (_nothing, 1, 1),
    "clock": (_clock, 2, 1),
    "notices": (_kept_back, 5, 3),
}
