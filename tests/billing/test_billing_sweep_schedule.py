"""The sweep from outside: as the operator's command, and as work of the worker that does not hold up the rest."""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from procrastinate.testing import InMemoryConnector
from sqlalchemy import func, update

from service import cli, jobs
from service.cli import sweep as command
from service.errors import Unknown
from service.store.models import SUBSCRIPTIONS


def no_work(arguments):
    """The worker's door stays shut."""
    raise AssertionError(arguments)


@pytest.fixture
def run(desk, monkeypatch, capsys):
    """Runs the command over the test's own tools; answers status, standard output and standard error."""
    monkeypatch.setattr(command, "tools", lambda: desk.tools)

    def start(*arguments):
        status = cli.main(no_work, ["sweep", *arguments])
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    return start


def test_command_says_that_nothing_was_found(run, bought):
    status, shown, complaints = run()
    assert (status, complaints) == (0, "")
    assert shown == "clean: compared 1, listed 1, differing 0, unread 0; limit 20\n"


def test_command_tells_the_rule_and_with_apply_the_repair(run, desk, bluesnap, bought):
    bluesnap.change(bought.subscription_id, auto_renew=False)
    ours = desk.subscriptions[0].id
    status, shown, _ = run()
    assert status == 1
    assert shown.startswith(f"acct-a  {ours}  {bought.subscription_id}  ending  blue_snap_wins  -\n")
    status, shown, _ = run("--apply")
    assert status == 0
    assert shown.startswith(f"acct-a  {ours}  {bought.subscription_id}  ending  blue_snap_wins  repaired\n")


def test_command_prints_json_with_every_count(run, bluesnap, bought):
    bluesnap.change(bought.subscription_id, quantity=2)
    status, shown, _ = run("--json", "--apply")
    report = json.loads(shown)
    assert (status, report["outcome"], report["compared"]) == (1, "left", 1)
    assert report["rows"][0]["rule"] == "ask_a_person"


def test_command_that_stopped_says_why_and_how_to_go_on(run, bluesnap, bought):
    bluesnap.change(bought.subscription_id, auto_renew=False)
    status, shown, complaints = run("--apply", "--most", "0")
    assert status == 2
    assert "ending" in shown
    assert complaints == "panless: stopped: 1 differ, more than 0; nothing was repaired (--most N)\n"


def test_command_compares_all_charges_when_told_to(run, bluesnap, bought):
    run()
    assert bluesnap.made("list_charges") == []
    run("--charges")
    assert len(bluesnap.made("list_charges")) == 1


def test_command_without_bluesnap_could_not_run(run, bluesnap):
    bluesnap.script("iterate_subscriptions", Unknown("read_timed_out"))
    status, shown, complaints = run()
    assert (status, shown) == (2, "")
    assert complaints.startswith("panless: BlueSnap could not be read: read_timed_out")


def test_command_beside_another_sweep_could_not_run(run, bluesnap):
    answers = []
    bluesnap.script("iterate_subscriptions", meanwhile=lambda: answers.append(run()))
    assert run()[0] == 0
    assert answers == [(2, "", "panless: another sweep is running\n")]


@pytest.mark.parametrize("most", ["-1", "many", "1.5", "²"])
def test_limit_that_is_no_whole_number_is_refused(run, most):
    with pytest.raises(SystemExit) as left:
        run("--apply", "--most", most)
    assert left.value.code == 2


def test_worker_sweeps_every_so_many_hours_and_never_two_at_a_time(make_tools):
    app = jobs.app_for(make_tools(sweep_hours="4", database_url="postgresql://nobody@127.0.0.1:9/nothing"))
    (periodic,) = (one for one in app.periodic_registry.periodic_tasks.values() if one.task.name == "sweep")
    assert (periodic.cron, periodic.task.queueing_lock) == ("47 */4 * * *", "sweep")


def test_worker_looks_on_while_a_sweep_takes_its_time(desk, bluesnap, bought):
    with desk.tools.engine.begin() as connection:
        connection.execute(update(SUBSCRIPTIONS).values(look_at=func.clock_timestamp()))
    looked, waited = threading.Event(), []
    bluesnap.script("iterate_subscriptions", meanwhile=lambda: waited.append(looked.wait(30)))
    bluesnap.script("get_subscription", meanwhile=looked.set)

    async def work():
        with jobs.app_for(desk.tools).replace_connector(InMemoryConnector()) as app:
            app.periodic_registry.periodic_tasks.clear()
            for name in ("sweep", "look"):
                await app.tasks[name].defer_async(timestamp=0)
            places = {"concurrency": jobs.PLACES, "wait": False, "listen_notify": False}
            await app.run_worker_async(queues=[jobs.QUEUE], **places)
            return [one["status"] for one in app.connector.jobs.values()]

    with ThreadPoolExecutor(1) as thread:  # a loop of its own: another test's may be running in this thread
        assert thread.submit(lambda: asyncio.run(work())).result() == ["succeeded", "succeeded"]
    assert waited == [True]
