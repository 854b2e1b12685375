"""What a sweep must not do: repair much at once by itself, run twice at a time, trip over one failed reading, or burden a BlueSnap that does not answer."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from service.billing.repair import sweep as sweeping
from service.billing.repair.sweep_count import Charges
from service.errors import Code, Misconfigured, Refusal, Unknown
from service.store.journal import Origin
from tests.support.metrics import reading
from tests.support.snapshots import row_versions

pytestmark = pytest.mark.long

LOST = Unknown("read_timed_out")


@pytest.fixture
def sweep(desk):
    return partial(sweeping.sweep, desk.tools, apply=True, most=None, origin=Origin("operator"))


@pytest.fixture
def customers(desk, bluesnap):
    """Makes so many customers, each with a subscription; BlueSnap will not renew those of `ending`."""

    def make(number, *, ending=0):
        for one in range(number):
            desk.buy(account=f"acct-{'abcdefghijklmnopqrstuvwxyz'[one]}")
        for one in bluesnap.subscriptions[:ending]:
            bluesnap.change(one.subscription_id, auto_renew=False)

    return make


def not_renewing(desk):
    return sum(not row.renews for row in desk.subscriptions)


def test_sweep_stops_itself_above_its_limit_and_has_repaired_nothing(desk, customers, sweep):
    customers(22, ending=21)
    before = row_versions(desk.tools.engine)
    stopped = reading("panless_sweeps_total", outcome="stopped")
    report = sweep()
    assert (report.outcome, report.differing, report.limit) == ("stopped", 21, 20)
    assert [row.repaired for row in report.rows] == [False] * 21
    assert row_versions(desk.tools.engine) == before
    assert reading("panless_sweeps_total", outcome="stopped") == stopped + 1


def test_sweep_repairs_up_to_its_limit(desk, customers, sweep):
    customers(22, ending=20)
    assert sweep().outcome == "repaired"
    assert not_renewing(desk) == 20


@pytest.mark.parametrize(("most", "outcome", "repaired"), [(21, "repaired", 21), (20, "stopped", 0), (0, "stopped", 0)])
def test_person_may_set_another_limit(desk, customers, sweep, most, outcome, repaired):
    customers(21, ending=21)
    assert sweep(most=most).outcome == outcome
    assert not_renewing(desk) == repaired


def test_counting_is_not_limited(desk, customers, sweep):
    customers(21, ending=21)
    assert sweep(apply=False).outcome == "found"


def test_hundredth_part_of_many_is_the_limit(monkeypatch, customers, sweep):
    monkeypatch.setattr(sweeping, "FEW", 1)
    monkeypatch.setattr(sweeping, "PERCENT", 50)
    customers(5, ending=3)
    assert (sweep().outcome, sweep().limit) == ("stopped", 2)


def test_scheduled_sweep_repairs_and_keeps_to_the_limit(desk, customers):
    customers(21, ending=20)
    sweeping.sweep_on_schedule(desk.tools)
    assert not_renewing(desk) == 20


def test_what_a_person_knows_already_does_not_use_up_the_limit(desk, bluesnap, customers, sweep):
    customers(3, ending=1)
    for one in bluesnap.subscriptions[1:]:
        bluesnap.change(one.subscription_id, quantity=2)
    assert sweep(most=3).outcome == "left"
    bluesnap.change(bluesnap.subscriptions[0].subscription_id, auto_renew=True)
    assert (sweep(most=1).differing, not_renewing(desk)) == (1, 0)


def test_second_sweep_at_the_same_time_is_told_so(desk, bluesnap, bought, sweep):
    under_way, told = threading.Event(), threading.Event()
    bluesnap.script("iterate_subscriptions", meanwhile=lambda: (under_way.set(), told.wait(10)))
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(sweep)
        assert under_way.wait(10)
        assert sweep().outcome == "busy"
        told.set()
        assert first.result().outcome == "clean"
    assert sweep().outcome == "clean"


def test_failed_sweep_gives_its_lock_back(bluesnap, bought, sweep):
    bluesnap.script("iterate_subscriptions", Misconfigured("credentials_refused", status=401))
    failed = reading("panless_sweeps_total", outcome="failed")
    with pytest.raises(Misconfigured):
        sweep()
    assert reading("panless_sweeps_total", outcome="failed") == failed + 1
    assert sweep().outcome == "clean"


@pytest.mark.parametrize("error", [LOST, Refusal(Code.NOT_READY, retry_after=2)], ids=["BlueSnap", "clock"])
def test_scheduled_sweep_that_fails_is_told_in_the_log(desk, bluesnap, logged, error):
    bluesnap.script("iterate_subscriptions", error)
    sweeping.sweep_on_schedule(desk.tools)
    assert '"event": "sweep.failed"' in logged()


@pytest.mark.parametrize("call", ["get_subscription", "list_charges"])
def test_one_failed_reading_keeps_nobody_else_from_repair(desk, bluesnap, customers, sweep, call):
    customers(3, ending=3)
    bluesnap.script(call, LOST)
    report = sweep()
    assert (report.outcome, report.unread, not_renewing(desk)) == ("left", 1, 2)
    assert sweep().outcome == "repaired"


def test_bluesnap_that_does_not_answer_is_not_asked_on_and_on(desk, bluesnap, customers, sweep):
    customers(9)
    bluesnap.script("list_charges", LOST, times=9)
    with pytest.raises(Unknown):
        sweep(charges=Charges.ALL)
    assert len(bluesnap.made("list_charges")) == 5


def test_failures_with_answers_between_them_do_not_end_the_sweep(bluesnap, customers, sweep):
    customers(9)
    for times in (4, 0, 4):
        bluesnap.script("list_charges", LOST if times else None, times=times or 1)
    report = sweep(charges=Charges.ALL)
    assert (report.outcome, report.unread, len(bluesnap.made("list_charges"))) == ("left", 8, 9)


def test_list_that_breaks_off_repairs_nothing(desk, bluesnap, customers, sweep):
    customers(3, ending=3)

    def breaking_off(items):
        yield next(items)
        raise LOST

    bluesnap.script("iterate_subscriptions", change=breaking_off)
    with pytest.raises(Unknown):
        sweep()
    assert not_renewing(desk) == 0


def test_log_of_a_sweep_names_only_ours(desk, bluesnap, bought, sweep, logged):
    bluesnap.change(bought.subscription_id, auto_renew=False)
    sweep()
    assert '"event": "sweep.repaired"' in logged()
    assert '"rule": "blue_snap_wins"' in logged()
    assert bought.subscription_id not in logged()
