"""The crash matrix: 22 buyers held at eleven points of a signup at once, six deaths, and what each cell must end in. It judges by the ledger, never by what was answered alone."""

from __future__ import annotations

import contextlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from dev import doors
from tests.faults import faults_judge
from tests.faults.faults_clients import Buyer
from tests.faults.faults_deaths import DEATHS, GOES_ON, LAGS, POINTS, SETTINGS, TOLD, WORKERS, Platform
from tests.faults.faults_stage import FaultStage
from tests.journeys.journeys_stage import eventually

CELLS = len(POINTS) * len(DEATHS)
EVERYTHING = ("I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I14", "I15", "I16")


@dataclass(frozen=True)
class Cell:
    """One buyer in one death: where he was, and whether his page comes back."""

    point: int
    comes_back: bool
    buyer: Buyer

    def __str__(self):
        return f"P{self.point} {'comes back' if self.comes_back else 'never comes back'} ({self.buyer.account})"


@dataclass
class Round:
    """One death of 22 buyers under one behaviour. `fired` are the cells that are proven to have been hit, `wrong` is all that was violated."""

    death: str
    idempotency: str
    lag: str
    fired: list
    wrong: list

    @property
    def name(self):
        return f"death ({self.death}), keys {self.idempotency}, look-ups lag {self.lag}"


def play(stage, platform, death, *, idempotency, lag):
    """Hold 22 buyers at their points, let them die, let half of them come back, wait until all is settled, and judge each cell."""
    stage.lever("behaviour", {"idempotency": idempotency, "lookup_lag": LAGS[lag]})
    cells = [Cell(point, comes, Buyer(stage)) for point in range(len(POINTS)) for comes in (True, False)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda cell: cell.buyer.open(), cells))
    hold(stage, platform, cells)
    died = DEATHS[death](stage)
    eventually(lambda: not stage.alive(died), within=60)
    for cell in cells:
        cell.buyer.ended()
    stage.hold_again()
    bring_back(stage)
    comers = [cell.buyer for cell in cells if cell.comes_back]
    with ThreadPoolExecutor(len(comers)) as pool:
        list(pool.map(lambda buyer: buyer.persist(undecided=lambda: left_waiting(stage, buyer)), comers))
    stage.settled(but=("events", "entries not told"))
    verdict = faults_judge.judge(stage, buyers=[cell.buyer for cell in cells], sweep=False, deep=False)
    wrong = [f"{cell}: {one}" for cell in cells for one in ends_wrong(stage, cell, surely=death not in GOES_ON)]
    return Round(death, idempotency, lag, cells, [*verdict.violations, *wrong])


def hold(stage, platform, cells):
    """Everybody at his own point at once; each hold is proven by its mark."""
    told = [cell.buyer for cell in cells if cell.point == TOLD]
    platform.hold_when_told_of(buyer.account for buyer in told)
    for cell in cells:
        cell.buyer.begin(hold_at="" if cell.point == TOLD else POINTS[cell.point])
    for point in POINTS:
        stage.await_held(point, times=2, within=60)
    for buyer in told:
        assert buyer.ended().status == 201, buyer.answers


def bring_back(stage, workers=WORKERS):
    """Start again what has ended, and wait until the service answers."""
    for name in ("service", *workers):
        if stage.stack.children[name].poll() is not None or not stage.alive([stage.stack.children[name].pid]):
            stage.stack.children[name].wait(10)
            stage.start_again(name) if name != "worker2" else stage.launch_beside(name)
    eventually(lambda: doors.status(f"{stage.stack.service_url}/readyz") == 200, within=60)


def left_waiting(stage, buyer):
    """Whether this buyer's call is one that, without proven keys, is never sent again, and of which BlueSnap has nothing."""
    if stage.stack._environments["service"]["PANLESS_IDEMPOTENCY_PROVEN"] == "true":
        return False
    rows = stage.sql(
        "SELECT provider_shopper FROM signups WHERE account = %s AND state = 'subscription_unknown'", buyer.account
    )
    return bool(rows) and not sold(stage, buyer)


def sold(stage, buyer):
    """How many subscriptions BlueSnap made for this buyer."""
    attempts = {row[0] for row in stage.sql("SELECT id FROM signups WHERE account = %s", buyer.account)}
    return sum(one["kind"] == "subscription" and one["merchant_shopper_id"] in attempts for one in stage.ledger())


def ends_wrong(stage, cell, *, surely):
    """What about this buyer's end is not as it must be. `surely`: his process died at the point, so that it is known how far it came."""
    buyer, number = cell.buyer, sold(stage, cell.buyer)
    active = stage.sql("SELECT count(*) FROM subscriptions WHERE account = %s AND status = 'active'", buyer.account)[0][
        0
    ]
    waits, answer = left_waiting(stage, buyer), buyer.answers[-1]
    wrong = []
    if number > 1 or active != number:
        wrong.append(f"BlueSnap sold {number}, {active} are active here")
    if cell.comes_back and answer.status != 201 and not (waits and answer.status in {202, 409}):
        wrong.append(f"its page ended with {answer}")
    if surely and not cell.comes_back:
        expected = _expected(cell, waits=waits)
        if number not in expected:
            wrong.append(f"BlueSnap sold {number} and not {expected}")
    if surely and waits and cell.point >= POINTS.index("create_subscription.sent"):
        wrong.append("it waits, and BlueSnap was asked")
    return wrong


def _expected(cell, *, waits):
    """How many may be sold to whoever never comes back: by how far his first call came, and whether it may be made again."""
    point = POINTS[cell.point]
    if cell.point < POINTS.index("create_shopper.sent"):
        return {0}
    if point.startswith("create_shopper."):
        return {0, 1}  # found by a look-up that lags less than the quiet period, else let go
    return {0} if waits else {1}


@contextlib.contextmanager
def matrix_stage(folder, *, proven):
    """A stack with two worker processes and a platform that listens."""
    with Platform() as platform:
        settings = SETTINGS | {"PANLESS_EVENTS_URL": platform.url, "PANLESS_IDEMPOTENCY_PROVEN": str(proven).lower()}
        with FaultStage.start(folder, settings=settings) as stage:
            platform.stage = stage
            stage.launch_beside()
            eventually(
                lambda: stage.sql("SELECT one FROM event_cursor")
            )  # the platform is told of what comes after that
            yield stage, platform


def play_all(stage, platform, idempotency):
    """Every death with each lag, one after the other on one stack; what is wrong is told of the round that did it."""
    played, told = [], set()
    for lag in LAGS:
        for death in DEATHS:
            done = play(stage, platform, death, idempotency=idempotency, lag=lag)
            done.wrong = [one for one in done.wrong if one not in told]
            told |= set(done.wrong)
            played.append(done)
    return played


def report(played):
    """Everything that was violated, by round and cell."""
    return "\n".join(f"{one.name}: {wrong}" for one in played for wrong in one.wrong)


def count(played):
    """How many cells were hit, for each lag and client."""
    hit = {}
    for one in played:
        for cell in one.fired:
            hit.setdefault((one.lag, cell.comes_back), set()).add((cell.point, one.death))
    return {behaviour: len(cells) for behaviour, cells in hit.items()}


def assert_every_cell(folder, idempotency):
    """66 of 66 cells with each lag and client: one sale at most, what was told is true, nobody is forgotten, the service is well again."""
    proven = idempotency == "on"  # a merchant proves it before he sets it
    with matrix_stage(folder, proven=proven) as (stage, platform):
        played = play_all(stage, platform, idempotency)
        assert not report(played), report(played)
        assert count(played) == {(lag, comes): CELLS for lag in LAGS for comes in (True, False)}
        _hear_the_rest(stage, platform)
        _find_those_who_wait(stage, proven=proven)
        faults_judge.assert_holds(stage, on=EVERYTHING)


def _hear_the_rest(stage, platform):
    """An event whose process died in telling it is told again, under the same number, after its lease; here that time has passed."""
    stage.sql("UPDATE events SET next_at = clock_timestamp() WHERE state = 'pending'")
    stage.settled()
    told = [event for event, _ in platform.told]
    assert len(told) > len(set(told))
    assert set(told) == {event for (event,) in stage.sql("SELECT id FROM events")}


def _find_those_who_wait(stage, *, proven):
    """Whoever is left undecided, since nothing may be sent twice, is on the operator's list."""
    listed = {row["account"] for row in json.loads(stage.command("signups", "list", "--json").stdout)}
    waiting = {account for (account,) in stage.sql("SELECT account FROM signups WHERE state = 'subscription_unknown'")}
    assert listed == waiting
    assert bool(waiting) is not proven
