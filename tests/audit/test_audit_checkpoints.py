"""Checkpoints are signed when due and only over what fits, copied once, and refused where they do not go on from the last one in the archive."""

from __future__ import annotations

import pytest

from service.archive import Archive
from service.audit import checkpointing, copies, recoveries
from service.audit.signing import Signer, Verifier, public_of
from service.errors import ArchiveAway
from service.store import checkpoints
from tests.audit.conftest import KEY, OTHER_KEY
from tests.audit.test_audit_tampering import REHASHED
from tests.support.metrics import reading

FOLDER = f"{recoveries.FIRST}/"


def newest(journal):
    with journal.engine.connect() as connection:
        return checkpoints.last(connection)


def test_nothing_is_signed_before_it_is_due(journal, desk, monkeypatch):
    monkeypatch.setattr(checkpointing, "SECONDS", 50)
    desk.buy()
    assert journal.checkpoint() == 0
    monkeypatch.setattr(checkpointing, "ENTRIES", journal.last)
    assert journal.checkpoint() == 1
    assert newest(journal).number == journal.last


def test_nothing_is_signed_twice_and_an_empty_journal_not_at_all(journal, desk):
    assert journal.checkpoint() == 0
    desk.buy()
    assert [journal.checkpoint(), journal.checkpoint()] == [1, 0]


def test_long_backlog_is_signed_in_pieces(journal, desk, monkeypatch):
    monkeypatch.setattr(checkpointing, "LONGEST", 2)
    desk.buy()
    assert journal.checkpoint() == -(-journal.last // 2)
    assert len(journal.archive.names(FOLDER)) == -(-journal.last // 2)
    assert journal.found() == []


def test_copy_in_the_archive_says_what_the_database_says(lived):
    checkpoint = newest(lived)
    copy = copies.read(lived.archive.read(copies.name_of(checkpoint)))
    assert copy == checkpoint
    assert checkpoint.state == "copied"


def test_rotated_key_signs_anew_and_the_old_one_is_still_believed(lived, desk):
    both = Signer("simulator", [OTHER_KEY, KEY], [])
    desk.buy(account="acct-c")
    assert lived.checkpoint(signer=both) == 1
    assert newest(lived).key_id == OTHER_KEY[0]
    assert lived.found(verifier=both.verifier) == []
    by_public_keys = Verifier("simulator", public_of([OTHER_KEY, KEY]))
    assert lived.found(verifier=by_public_keys) == []
    assert {kind for kind, _ in lived.found(verifier=Verifier("simulator", public_of([OTHER_KEY])))} == {
        "checkpoint_forged"
    }


def test_worker_that_does_not_know_the_new_key_yet_does_nothing_and_harms_nothing(lived, desk, logged):
    ahead, behind = Signer("simulator", [OTHER_KEY, KEY], []), Signer("simulator", [KEY], [])
    desk.buy(account="acct-c")
    with pytest.raises(ArchiveAway):
        lived.checkpoint(signer=ahead, archive=Nowhere())
    assert lived.checkpoint(signer=behind) == 0
    assert newest(lived).state == "signed"
    assert '"event": "checkpoint.key_unknown"' in logged()
    assert lived.checkpoint(signer=ahead) == 0
    assert newest(lived).state == "copied"
    desk.buy(account="acct-d")
    assert lived.checkpoint(signer=behind) == 0
    assert '"reason": "key_unknown"' in logged()
    assert lived.checkpoint(signer=ahead) == 1
    with lived.engine.connect() as connection:
        assert {one.state for one in checkpoints.listed(connection, 9)} == {"copied"}


def test_key_that_everybody_knows_before_it_signs_changes_hands_without_a_pause(lived, desk):
    told = Signer("simulator", [KEY], public_of([OTHER_KEY]))
    ahead = Signer("simulator", [OTHER_KEY], public_of([KEY]))
    for account, signer in (("acct-c", told), ("acct-d", ahead), ("acct-e", told), ("acct-f", ahead)):
        desk.buy(account=account)
        assert lived.checkpoint(signer=signer) == 1
        assert newest(lived).state == "copied"
    assert lived.found(verifier=ahead.verifier) == []


class Nowhere(Archive):
    """An archive that lists nothing and takes nothing: the worker dies before its copy."""

    def __init__(self):
        pass

    def names(self, prefix=""):
        return []

    def put_once(self, name, data):
        raise ArchiveAway("away")


def test_signature_of_another_environment_is_not_believed(lived):
    other = Verifier("production", public_of([KEY]))
    assert {kind for kind, _ in lived.found(verifier=other)} == {"checkpoint_forged"}


def test_checkpoint_that_does_not_go_on_from_the_archive_is_refused_and_alarms(lived, desk, logged):
    before = reading("panless_checkpoints_total", outcome="refused")
    with lived.undone():
        lived.stealthily(
            "UPDATE entries SET act = 'task.opened' WHERE number = 2",
            REHASHED.format(first=2),
            "DELETE FROM checkpoints",
        )
        desk.buy(account="acct-d")
        held = lived.archive.names(FOLDER)
        assert lived.checkpoint() == 1
        assert newest(lived).state == "refused"
        assert lived.archive.names(FOLDER) == held
    assert reading("panless_checkpoints_total", outcome="refused") == before + 1
    assert '"event": "checkpoint.refused"' in logged()
    assert '"reason": "forked"' in logged()


def test_shorter_journal_than_the_archive_knows_is_refused(lived):
    with lived.undone():
        lived.stealthily(
            "DELETE FROM versions WHERE entry > 4", "DELETE FROM entries WHERE number > 4", "DELETE FROM checkpoints",
            "UPDATE chain SET number = 4, hash = (SELECT hash FROM entries WHERE number = 4)",
        )  # fmt: skip
        assert lived.checkpoint() == 1
        assert newest(lived).state == "refused"


def test_journal_that_does_not_fit_is_not_signed_and_alarms(lived, desk, logged):
    desk.buy(account="acct-c")
    with lived.undone():
        lived.stealthily(f"UPDATE entries SET act = 'task.opened' WHERE number = {lived.last}")
        assert lived.checkpoint() == 0
    assert '"event": "checkpoint.unsound"' in logged()
    assert lived.checkpoint() == 1


def test_journal_whose_last_checkpoint_it_denies_is_not_signed(lived, desk, logged):
    desk.buy(account="acct-c")
    with lived.undone():
        lived.stealthily("UPDATE entries SET act = 'task.opened' WHERE number = 2", REHASHED.format(first=2))
        assert lived.checkpoint() == 0
    assert '"reason": "forked"' in logged()


def test_archive_that_was_away_catches_up_without_a_gap(journal, desk):
    class Away(Archive):
        def __init__(self):
            pass

        def names(self, prefix=""):
            raise ArchiveAway("away")

    for account in ("acct-a", "acct-b"):
        desk.buy(account=account)
        with pytest.raises(ArchiveAway):
            journal.checkpoint(archive=Away())
    assert newest(journal).state == "signed"
    journal.checkpoint()
    assert len(journal.archive.names(FOLDER)) == 2
    assert journal.found() == []


def test_copy_that_is_gone_or_altered_is_told(lived):
    name = lived.archive.names(FOLDER)[0]
    data = lived.archive.read(name)
    lived.archive.remove(name)
    assert [kind for kind, _ in lived.found()] == ["copy_missing"]
    lived.archive.put_once(name, data.replace(b'"number": ', b'"number": 1'))
    assert "checkpoint_forged" in {kind for kind, _ in lived.found()}
    lived.archive.remove(name)
    lived.archive.put_once(name, b"no checkpoint")
    assert lived.told("checkpoint_forged") == f"{name} in the archive holds no checkpoint"


def test_audit_says_what_it_cannot_show_without_archive_or_keys(lived, desk):
    assert lived.audit().not_shown == ()
    alone = lived.audit(archive=None, verifier=Verifier("simulator", ()))
    assert any("PANLESS_ARCHIVE_URL" in text for text in alone.not_shown)
    assert any("PANLESS_CHECKPOINT_KEYS" in text for text in alone.not_shown)
    last = lived.last
    desk.buy(account="acct-c")
    assert lived.audit(first=3).not_shown == (
        "entries before 3 were not recomputed",
        f"entries {last + 1} to {lived.last} have no checkpoint yet: made anew as a whole they would fit",
    )


def test_journal_goes_on_in_a_new_archive_after_a_recovery(lived, tmp_path):
    lived.archive = Archive.open(str(tmp_path / "another"))
    assert {kind for kind, _ in lived.found()} == {"copy_missing"}
    lived.stealthily("UPDATE checkpoints SET state = 'signed'")
    lived.checkpoint()
    assert lived.found() == []
    assert len(lived.archive.names(FOLDER)) == 3
