"""Lines get into the archive once each, whatever dies and whenever; files leave the host only when all of them is there."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from service.archive import logs, rounds, shipping
from service.archive.shipping import Shipper
from service.errors import ArchiveAway, ArchiveConflict
from tests.archive.archive_host import Crash, Host


def test_what_is_new_is_archived_and_nothing_twice(host):
    host.write(1, 2)
    assert host.ship()
    host.ship()
    host.write(3)
    host.ship()
    assert host.archived() == [1, 2, 3]
    assert len(host.pieces(".json")) == 2
    assert host.found() == []


def test_round_with_nothing_new_writes_nothing(host):
    host.ship()
    assert host.pieces("") == []


def test_a_line_without_its_end_waits_for_it(host):
    host.write(1)
    (file,) = host.folder.glob("*.log")
    with file.open("ab") as stream:
        stream.write(b'{"half')
    host.ship()
    assert host.archived() == [1]


@pytest.mark.parametrize("lives", range(4))
@pytest.mark.parametrize("dying", ["before", "after"])
def test_a_death_at_any_put_leaves_no_gap_and_no_duplicate(host, dying, lives):
    """The puts: the host, the segments of two files, and their manifest."""
    host.write(1, 2)
    host.files.close()
    host.write(3)
    host.archive.dying, host.archive.lives = dying, lives
    with pytest.raises(Crash):
        host.ship()
    host.archive.dying = ""
    host.write(4)
    host.start()
    host.ship()
    assert sorted(host.archived()) == [1, 2, 3, 4]
    assert host.found() == []


def test_a_death_before_remembering_leaves_no_gap_and_no_duplicate(host, monkeypatch):
    def die(*_):
        raise Crash

    host.write(1)
    with monkeypatch.context() as patch:
        patch.setattr(shipping, "_write", die)
        with pytest.raises(Crash):
            host.ship()
    host.write(2)
    host.start()
    host.ship()
    assert host.archived() == [1, 2]
    assert host.found() == []


def test_a_process_that_goes_on_after_a_failed_round_asks_the_archive_anew(host):
    host.write(1)
    host.archive.dying, host.archive.lives = "after", 2  # the manifest is there, and nobody knows
    with pytest.raises(Crash):
        host.ship()
    host.archive.dying = ""
    host.ship()
    assert (host.archived(), host.found()) == ([1], [])


def test_after_an_outage_everything_is_caught_up_without_a_gap(host, monkeypatch):
    monkeypatch.setattr(shipping, "SEGMENT_BYTES", 400)
    monkeypatch.setattr(shipping, "MANIFEST_SEGMENTS", 3)
    host.write(0)
    host.ship()
    host.archive.away = True
    for number in range(1, 60):
        host.write(number)
        if number % 10 == 0:
            with pytest.raises(ArchiveAway):
                host.ship()
            host.later(hours=1)
    assert rounds.once(host.shipper) is False
    host.archive.away = False
    host.ship()
    assert sorted(host.archived()) == list(range(60))
    assert len(host.pieces(".json")) > 5
    assert host.found() == []


def test_an_outage_is_told_by_its_kind_and_does_no_harm(host, logged):
    host.write(1)
    host.archive.away = True
    rounds.once(host.shipper)
    (told,) = map(json.loads, logged().splitlines())
    assert (told["event"], told["error"]) == ("logs.not_archived", "ConnectionError")


def test_rounds_go_on_beside_and_the_last_takes_the_last_lines(host):
    with rounds.alongside(host.shipper):
        host.write(1)
    assert host.archived() == [1]


def test_second_process_of_a_host_stands_by_and_takes_over(host):
    host.write(1)
    host.ship()
    other = Shipper(host.archive, host.folder, lambda: host.now, keep_days=3, vouch=host.signer.vouch)
    assert other.ship() is False
    host.shipper.close()
    host.write(2)
    assert other.ship() is True
    other.close()
    assert (host.archived(), host.found()) == ([1, 2], [])


def test_hosts_do_not_collide_and_each_has_a_chain(host, tmp_path):
    other = Host(tmp_path, "other")
    for one in (host, other):
        one.write(1)
        one.ship()
    assert host.id != other.id
    assert logs.hosts(host.real) == sorted([host.id, other.id])
    assert (host.archived(), other.archived(), host.found(), other.found()) == ([1], [1], [], [])
    other.shipper.close()
    other.files.close()


def test_a_file_leaves_the_host_when_it_is_old_and_all_of_it_archived(host):
    host.write(1)
    host.ship()
    host.later(days=2)
    host.write(2)
    host.age()
    host.ship()
    assert len(list(host.folder.glob("*.log"))) == 2
    host.later(days=2)
    host.age()
    host.ship()
    (left,) = host.folder.glob("*.log")
    assert json.loads(left.read_text())["attempt"] == 2
    assert (host.archived(), host.found()) == ([1, 2], [])


def test_an_old_file_stays_while_the_archive_is_away(host):
    host.write(1)
    host.later(days=30)
    host.age()
    host.archive.away = True
    assert rounds.once(host.shipper) is False
    assert len(list(host.folder.glob("*.log"))) == 1
    host.archive.away = False
    host.ship()
    assert list(host.folder.glob("*.log")) == []
    assert host.archived() == [1]


def test_a_host_that_was_away_for_long_goes_on_with_its_chain(host):
    host.write(1)
    host.ship()
    host.later(days=100)
    host.age()
    host.ship()
    host.start()
    host.write(2)
    host.ship()
    assert (host.archived(), host.found()) == ([1, 2], [])


def test_a_clock_that_went_back_leaves_the_order_of_the_chain(host):
    host.write(1)
    host.ship()
    host.now -= timedelta(days=1)
    host.write(2)
    host.ship()
    host.start()
    host.write(3)
    host.ship()
    assert (host.archived(), host.found()) == ([1, 2, 3], [])


def test_the_same_lines_make_the_same_piece():
    assert logs.packed(b"a\n") == logs.packed(b"a\n")
    assert logs.packed(b"a\n")[4:8] == bytes(4)  # no time (RFC 1952 section 2.3.1)


def plant(host, data):
    """A piece under the name that the host's next segment will have."""
    host.write(1)
    host.ship()
    (file,) = host.folder.glob("*.log")
    offset = file.stat().st_size
    host.write(2)
    one = logs.Segment(host.now.date().isoformat(), 2, file.stem, offset, file.stat().st_size)
    host.real.put_once(one.name(host.id), data)
    return one.name(host.id), file.stem, offset


def test_other_content_under_the_name_of_a_piece_is_told_and_found(host, logged):
    name, file, offset = plant(host, b"planted")
    with pytest.raises(ArchiveConflict):
        host.ship()
    assert rounds.once(host.shipper) is False
    assert "logs.foreign_segment" in logged()
    assert host.found() == [("segment_damaged", file, offset)]
    host.real.remove(name)
    host.ship()
    assert (host.archived(), host.found()) == ([1, 2], [])


def test_lines_that_no_file_has_are_not_taken_for_ours(host):
    plant(host, logs.packed(b"x" * 95))
    with pytest.raises(ArchiveConflict):
        host.ship()
    host.start()
    with pytest.raises(ArchiveConflict):
        host.ship()


def test_lag_is_the_age_of_the_oldest_line_that_waits(host):
    assert shipping.lag(host.folder, host.now) == 0
    host.write(1)
    assert shipping.lag(host.folder, host.now + timedelta(seconds=40)) == 40
    host.ship()
    assert shipping.lag(host.folder, host.now + timedelta(seconds=40)) == 0
    host.now += timedelta(seconds=60)
    host.write(2)
    assert shipping.lag(host.folder, host.now + timedelta(seconds=5)) == 5


def test_a_file_that_was_cut_is_told(host, logged):
    host.write(1)
    host.ship()
    (file,) = host.folder.glob("*.log")
    file.write_bytes(b"")
    host.ship()
    assert "logs.file_cut" in logged()
