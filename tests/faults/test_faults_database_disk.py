"""The disk of the data is full (fault 18): nothing is begun that could not be written down, and it goes on by itself when there is space again."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.faults import faults_judge, faults_notices
from tests.faults.faults_clients import all_of
from tests.faults.faults_database import Customer, all_at_once, calls, heard, raw, refused, until_final, with_worker
from tests.faults.faults_stage import FaultStage
from tests.journeys.journeys_stage import eventually, new_name

pytestmark = pytest.mark.faults

#: A cluster with what it writes before a checkpoint gives room back.
MEGABYTES = 160
#: So many refusals in a row, and the last free place of every page is used up.
IN_A_ROW = 10
#: The log of changes is kept in files that are there already: with it the server could not even say that the disk is full.
SERVER = {"wal_recycle": "on", "min_wal_size": "64MB", "max_wal_size": "64MB", "checkpoint_timeout": "1h"}


@pytest.fixture(scope="module")
def volume():
    """A folder with a small disk of its own."""
    home = Path(tempfile.mkdtemp(prefix="panless-disk-", dir="/var/tmp"))
    home.chmod(0o711)
    disk = home / "pg"
    disk.mkdir(mode=0o711)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m,mode=0711", "panless-disk", str(disk)], check=False, capture_output=True, text=True
    )  # fmt: skip
    if mounted.returncode:
        shutil.rmtree(home)
        pytest.skip(f"only root may make a small disk: {mounted.stderr.strip()}")
    yield home
    subprocess.run(["umount", str(disk)], check=True)
    shutil.rmtree(home)


@pytest.fixture(scope="module")
def stage(volume):
    with FaultStage.start(volume, server=SERVER, bugs=("hurry",)) as made:
        yield with_worker(made)


def fill(disk):
    """A file that takes all the room there is."""
    file = disk / "somebody-elses"
    with file.open("wb", buffering=0) as stream:
        left = shutil.disk_usage(disk).free
        os.posix_fallocate(stream.fileno(), 0, left)
    return file


def test_full_disk_refuses_before_bluesnap_is_called_and_recovers(stage, volume):
    customer, buyers = Customer(stage), all_of(stage, 3)
    with faults_notices.kept_back(stage):
        _, provider = faults_notices.bought(stage)
        [body] = faults_notices.bodies(stage, provider)
        stage.settled()
        stage.plan("B18")
        file = fill(volume / "pg")
        refusals = []

        def no_room():
            refusals.append(heard(lambda: stage.order(new_name())).status)
            return refusals[-IN_A_ROW:] == [503] * IN_A_ROW

        eventually(no_room, within=60)
        before = calls(stage)
        for answer in all_at_once(
            *(lambda buyer=buyer: raw(buyer) for buyer in buyers), customer.cancel, lambda: customer.refund("1.00")
        ):
            refused(answer)
        assert calls(stage) == before
        # no key is claimed for these; they may find the last free place of a page, or none
        told = {heard(lambda: customer.change(7)).status, heard(lambda: faults_notices.deliver(stage, body)).status}
        assert told <= {200, 202, 503}
        assert "No space left on device" in stage.server.log.read_text(encoding="utf-8")
        assert customer.read().status_code == 200  # what is only read goes on
        stage.saw("B18")
        file.unlink()
        faults_judge.healthy(stage)
        faults_notices.taken(stage, body)
    assert until_final(lambda: customer.change(7)).json()["members"] == 7
    assert [buyer.persist().status for buyer in buyers] == [201] * 3
    assert 500 not in {answer.status_code for answer in stage.answers}
    faults_judge.assert_holds(stage, buyers=buyers, on=("I1", "I2", "I3", "I5", "I14", "I16"), sweep=False)
