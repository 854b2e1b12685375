"""What a process leaves behind that dies in a change, a cancellation, a refund, a replacement of the card or a notice: nothing twice, nothing half."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from tests.faults import faults_judge
from tests.faults.faults_clients import Buyer, Call, is_final
from tests.faults.faults_matrix import bring_back
from tests.faults.faults_stage import FaultStage
from tests.journeys.journeys_stage import SESSIONS, eventually

pytestmark = pytest.mark.faults
#: Where each may die: its intent is committed, its call is under way or answered, its end is committed.
PUT = (
    "subscription.change_requested.committed",
    "update_subscription.sent",
    "update_subscription.answered",
    "subscription.change_confirmed.committed",
)
POINTS = {
    "members": PUT,
    "plan": PUT,
    "cancel": PUT,
    "refund": ("refund.requested.committed", "refund.sent", "refund.answered", "refund.succeeded.committed"),
    "card": (
        "card.requested.committed",
        "add_card.sent",
        "add_card.answered",
        "update_subscription.sent",
        "update_subscription.answered",
        "card.replaced.committed",
    ),
}
NOTICE = "notice.committed"
NOTICES = 2


@dataclass
class Cell:
    """One account, what is done to it, where that is held, and whether its caller comes back."""

    what: str
    point: str
    comes_back: bool
    buyer: Buyer
    call: Call = None
    session: dict = field(default_factory=dict)

    def __str__(self):
        return f"{self.what} at {self.point}, {'comes back' if self.comes_back else 'never comes back'}"


def bought(stage):
    buyer = Buyer(stage).open()
    assert buyer.complete().status == 201, buyer.answers
    return buyer


def prepare(stage, cell):
    """The call that will die."""
    path = f"/v1/accounts/{cell.buyer.account}/subscription"
    if cell.what in {"members", "plan"}:
        cell.call = Call(stage, "PATCH", path, {"members": 8} if cell.what == "members" else {"plan": "business"})
    elif cell.what == "cancel":
        cell.call = Call(stage, "POST", f"{path}/cancellation", {})
    elif cell.what == "refund":
        listed = stage.call("GET", f"/v1/accounts/{cell.buyer.account}/charges", auth=stage.stack.api_key).json()
        body = {"amount": {"amount": "5.00", "currency": "USD"}, "reason": "other", "cancel_subscription": False}
        cell.call = Call(stage, "POST", f"/v1/charges/{listed['charges'][0]['id']}/refunds", body)
    else:
        asked = Call(stage, "POST", SESSIONS, {"account": cell.buyer.account, "purpose": "replace_card"}).make()
        cell.session = asked.body
        type_card(stage, cell)


def type_card(stage, cell):
    """Another card in the session's fields, and a new attempt with it."""
    stage.fill(cell.session, "mastercard")
    path = f"{SESSIONS}/{cell.session['id']}/completion"
    cell.call = Call(stage, "POST", path, {}, auth=cell.session["client_secret"])


def come_back(stage, cell):
    """Ask again until it is done; the card is typed again where its attempt is over. What is wrong with the end."""
    answer = cell.call.come_back()
    while answer.status == 409 and answer.body.get("code", "").startswith("payment_fields_token"):
        cell.session = stage.renew(cell.session)
        type_card(stage, cell)
        answer = cell.call.come_back()
    assert is_final(answer)
    return [] if answer.status in {200, 201} else [f"{cell}: ended with {answer}"]


def cells_of(stage):
    wanted = [(what, point, comes) for what, points in POINTS.items() for point in points for comes in (True, False)]
    with ThreadPoolExecutor(4) as pool:
        buyers = list(pool.map(lambda _: bought(stage), range(len(wanted) + NOTICES)))
        cells = [Cell(*one, buyer) for one, buyer in zip(wanted, buyers, strict=False)]
        list(pool.map(lambda cell: prepare(stage, cell), cells))
    return cells, buyers[len(wanted) :]


def hold(stage, cells, told):
    """All at once, and two notices that are in the inbox and not yet acknowledged."""
    for cell in cells:
        cell.call.begin(hold_at=cell.point)
    for point, times in Counter(cell.point for cell in cells).items():
        stage.await_held(point, times, within=60)
    stage.arm(NOTICE, NOTICES)
    for buyer in told:
        [row] = stage.sql("SELECT provider_subscription FROM subscriptions WHERE account = %s", buyer.account)
        stage.lever("change", {"subscription_id": row[0], "auto_renew": False})
    stage.await_held(NOTICE, NOTICES, within=60)


def die(stage, death):
    """(a) SIGKILL of the workers that hold somebody, or (f) of the whole group and the worker process."""
    died = stage.held_by() | ({stage.stack.children["service"].pid} if death == "f" else set())
    if death == "f":
        stage.kill_group("service")
        stage.kill_group("worker")
    for pid in died:
        stage.kill(pid)
    eventually(lambda: not stage.alive(died), within=60)


def standing(stage, cell):
    """What the account has in the end: plan, members, whether it renews, and how much was given back."""
    [row] = stage.sql(
        "SELECT coalesce(next_plan, plan), members, renews, provider_subscription, amount FROM subscriptions"
        " WHERE account = %s",
        cell.buyer.account,
    )
    given = [one["amount"] for one in stage.ledger() if one["kind"] == "refund" and one["subscription_id"] == row[3]]
    return row[:3], given


def ends_wrong(stage, cell):
    """Whoever came back has what he wanted, once; whoever did not has all of it or nothing."""
    before, wished = ("team", 3, True), {"members": ("team", 8, True), "plan": ("business", 3, True)}
    wished |= {"cancel": ("team", 3, False)}
    present, given = standing(stage, cell)
    if cell.what == "refund":
        return [] if given == ["5.00"] else [f"{cell}: {given} were given back"]
    if cell.what == "card":
        return _card_wrong(stage, cell)
    allowed = {wished[cell.what]} | (set() if cell.comes_back else {before})
    return [] if present in allowed and not given else [f"{cell}: {present}, given back {given}"]


def _card_wrong(stage, cell):
    shown = stage.call("GET", f"/v1/accounts/{cell.buyer.account}/card", auth=stage.stack.api_key).json()
    state = stage.sql("SELECT state FROM checkout_sessions WHERE id = %s", cell.session["id"])[0][0]
    wrong = cell.comes_back and (shown.get("brand"), state) != ("MASTERCARD", "complete")
    return [f"{cell}: card {shown}, session {state}"] if wrong or state == "confirming" else []


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with FaultStage.start(
        tmp_path_factory.mktemp("changes"), settings={"PANLESS_THREADS": "64"}, server={"max_connections": "300"}
    ) as stage:
        yield stage


@pytest.mark.parametrize("death", ["a", "f"])
def test_no_change_is_made_twice_or_by_half(stage, death):
    cells, told = cells_of(stage)
    hold(stage, cells, told)
    die(stage, death)
    for cell in cells:
        cell.call.ended()
    stage.hold_again()
    bring_back(stage, workers=("worker",))
    comers = [cell for cell in cells if cell.comes_back]
    with ThreadPoolExecutor(len(comers)) as pool:
        wrong = [one for found in pool.map(lambda cell: come_back(stage, cell), comers) for one in found]
    stage.settled()
    wrong += [one for cell in cells for one in ends_wrong(stage, cell)]
    assert not wrong, "\n".join(wrong)
    for buyer in told:
        assert not stage.account(buyer.name)["subscription"]["renews"]
    everything = ("I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I14", "I15", "I16")
    faults_judge.assert_holds(stage, buyers=[cell.buyer for cell in cells], on=everything)
