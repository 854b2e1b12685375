"""What is old enough leaves the archive by whole days, and what stays can be checked as before."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.archive import logs, pruning
from service.archive.reading import Span, records
from tests.archive.archive_host import BEGIN


@pytest.fixture
def days(host):
    """One file that lasts for ten days, two rounds a day."""
    for number in range(20):
        host.write(number)
        host.ship()
        host.now += timedelta(hours=12)
    return host


def before(days):
    return BEGIN.date() + timedelta(days=days)


def test_whole_days_go_and_the_rest_stays_whole(days):
    gone = pruning.prune(days.real, before(4), days.signer.vouch)
    assert gone == 2 * 7  # the first day has one round
    assert (days.archived(), days.found()) == (list(range(7, 20)), [])
    assert min(path.parent.name for path in days.pieces(".gz")) == before(4).isoformat()


def test_pruning_again_later_goes_on_from_there(days):
    pruning.prune(days.real, before(4), days.signer.vouch)
    assert pruning.prune(days.real, before(4), days.signer.vouch) == 0
    pruning.prune(days.real, before(6), days.signer.vouch)
    assert (days.archived(), days.found()) == (list(range(11, 20)), [])
    assert len(days.real.names(f"logs/{days.id}/pruned/")) == 1


@pytest.mark.parametrize("lives", range(6))
def test_pruning_that_was_cut_off_is_done_again(days, monkeypatch, lives):
    left, real = [lives], type(days.real).remove

    def dying(archive, name):
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        real(archive, name)

    with monkeypatch.context() as patch:
        patch.setattr(type(days.real), "remove", dying)
        with pytest.raises(KeyboardInterrupt):
            pruning.prune(days.real, before(4), days.signer.vouch)
    assert days.found() == []
    pruning.prune(days.real, before(4), days.signer.vouch)
    assert (days.archived(), days.found()) == (list(range(7, 20)), [])


def test_host_goes_on_when_all_that_it_wrote_was_removed(days):
    pruning.prune(days.real, before(100), days.signer.vouch)
    assert (days.pieces(".gz"), days.found()) == ([], [])
    days.start()
    days.now += timedelta(days=100)
    days.write(20)
    days.ship()
    assert (days.archived(), days.found()) == ([20], [])


def test_removing_more_than_was_recorded_is_found(days):
    pruning.prune(days.real, before(4), days.signer.vouch)
    for ending in (".json", ".gz"):
        next(path for path in days.pieces(ending) if path.parent.name != "pruned").unlink()
    assert [what for what, *_ in days.found()] == ["manifest_missing", "gap"]


def test_a_changed_record_of_the_beginning_is_found(days):
    pruning.prune(days.real, before(4), days.signer.vouch)
    (record,) = (days.place / "logs" / days.id / "pruned").iterdir()
    record.write_bytes(record.read_bytes().replace(b'"digest":"', b'"digest":"0')[:-3])
    assert "pruned_damaged" in {what for what, *_ in days.found()}
    (first, *_) = logs.names_of(days.real, days.id).pruned
    assert first == 7


def test_only_lines_of_the_span_are_read(days):
    span = Span(BEGIN + timedelta(days=2), BEGIN + timedelta(days=3), days.now)
    assert [record["attempt"] for record in records(days.real, span)] == [4, 5]


def test_a_damaged_piece_does_not_keep_the_others_from_being_read(days):
    days.pieces(".gz")[4].write_bytes(b"x")
    span = Span(BEGIN + timedelta(days=2), BEGIN + timedelta(days=3), days.now)
    assert [record["attempt"] for record in records(days.real, span)] == [5]
