"""A recovery that somebody with a name and the key has accepted: checkpoints go on in a line of their own, an audit tells of it, and whatever else is wrong is found as before."""

from __future__ import annotations

import json
from dataclasses import replace

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import make_url

from service import cli
from service.audit import copies, recoveries
from service.audit.signing import Signer
from service.store import checkpoints
from tests.audit.conftest import KEY, OTHER_KEY, text_of
from tests.support.tampering import REHASHED
from tests.support.tools import environ_of

NAME = "anna_of_recovery"
PASSWORD = "for-a-test-only"
ACCEPT = ("audit", "accept-recovery", "--ticket", "OPS-12")


def work(_):
    """Not called here."""


@pytest.fixture
def login(lived, databases):
    """The URL of an operator with a database login of her own."""
    with psycopg.connect(databases.url, autocommit=True) as connection:
        role = sql.Identifier(NAME)
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'for-a-test-only' IN ROLE panless_operator").format(role)
        )
        yield make_url(lived.url).set(username=NAME, password=PASSWORD).render_as_string(hide_password=False)
        connection.execute(sql.SQL("DROP ROLE {}").format(role))


@pytest.fixture
def run(login, monkeypatch, capsys, tmp_path):
    """Runs a command as her; answers its status and its standard output."""

    def run(*arguments, url=login, **settings):
        given = {"archive_url": str(tmp_path / "archive"), "checkpoint_keys": text_of(KEY), **settings}
        monkeypatch.setattr("os.environ", environ_of(url, **given))
        return cli.main(work, arguments), capsys.readouterr().out

    return run


@pytest.fixture
def recovered(lived, desk):
    """The database as it was four entries into its life, two checkpoints ago; something has happened since. Answers the number of the last entry that the archive knew."""
    known = lived.last
    with lived.engine.connect() as connection:
        kept = checkpoints.listed(connection, 9)[0].number
    back_to(lived, kept)
    desk.buy(account="acct-c")
    return kept, known


def back_to(journal, number):
    """What a recovery to the moment behind an entry leaves, of the journal and of what belongs to it."""
    journal.stealthily(
        f"DELETE FROM subscriptions s WHERE NOT EXISTS (SELECT FROM versions v WHERE v.subject = s.id AND v.entry <= {number})",
        f"DELETE FROM versions WHERE entry > {number}",
        f"DELETE FROM entries WHERE number > {number}",
        f"DELETE FROM checkpoints WHERE number > {number}",
        f"UPDATE chain SET number = {number}, hash = (SELECT hash FROM entries WHERE number = {number})",
        *(
            f"DELETE FROM {table} t WHERE NOT EXISTS (SELECT FROM versions v WHERE v.kind = '{table}' AND v.subject = t.id)"
            for table in (
                "disputes",
                "refunds",
                "prices",
                "charges",
                "signups",
                "checkout_sessions",
                "tasks",
                "notices",
            )
        ),
        "DELETE FROM accounts a WHERE NOT EXISTS (SELECT FROM versions v WHERE v.kind = 'accounts' AND v.account = a.account)",
        "DELETE FROM image_keys k WHERE NOT EXISTS (SELECT FROM accounts a WHERE a.account = k.account)",
    )


def kinds(journal, **how):
    return {kind for kind, _ in journal.found(**how)}


def lines(journal):
    return journal.archive.names(f"{recoveries.LINES}/")


def test_recovery_is_found_and_its_checkpoints_are_refused_until_somebody_accepts_it(recovered, lived, run):
    kept, known = recovered
    assert lived.checkpoint() == 1
    assert kinds(lived) in ({"old_backup"}, {"forked"}, {"old_backup", "forked"})
    status, out = run(*ACCEPT, "--apply", "--json")
    assert status == 0
    told = json.loads(out)
    assert (told["accepted"], told["after"], told["lost"], told["line"]) == (True, kept, known, 1)
    lived.checkpoint()
    assert lived.found() == []
    with lived.engine.connect() as connection:
        assert {one.state for one in checkpoints.listed(connection, 99)} == {"copied"}
    assert len(lines(lived)) == 2


def test_dry_run_says_what_would_be_given_up_and_changes_nothing(recovered, lived, run):
    kept, known = recovered
    before = lived.last, lived.archive.names()
    status, out = run(*ACCEPT)
    assert status == 0
    assert f"from entry {kept}" in out
    assert f"up to entry {known}" in out
    assert (lived.last, lived.archive.names()) == before


def test_entry_says_who_accepted_what_and_for_which_ticket(recovered, lived, run):
    kept, known = recovered
    run(*ACCEPT, "--apply")
    actor, image = (
        lived.ask(f"SELECT {column} FROM entries WHERE act = 'recovery.accepted'") for column in ("actor", "image")
    )
    assert actor == f"login:{NAME}"
    assert image == {"line": 1, "after": kept, "lost": known, "ticket": "OPS-12"}


def test_audit_tells_of_an_accepted_recovery_and_finds_nothing(recovered, lived, run):
    run(*ACCEPT, "--apply")
    lived.checkpoint()
    status, out = run("audit", "verify", "--json")
    (told,) = json.loads(out)["recoveries"]
    assert status == 0
    assert "OPS-12" in told
    assert run("audit", "verify")[1].splitlines()[1] == told


@pytest.mark.parametrize(
    ("statements", "kind"),
    [
        (("UPDATE entries SET act = 'task.opened' WHERE number = 2",), "edited"),
        (("UPDATE entries SET act = 'task.opened' WHERE number = 2", REHASHED.format(first=2), "DELETE FROM checkpoints"), "rewritten"),
        (("DELETE FROM entries WHERE number = 3",), "deleted"),
    ],
)  # fmt: skip
def test_tampering_after_an_accepted_recovery_is_found(recovered, lived, run, statements, kind):
    run(*ACCEPT, "--apply")
    lived.checkpoint()
    with lived.undone():
        lived.stealthily(*statements)
        assert kind in kinds(lived)


def test_second_way_back_is_found_again_and_can_be_accepted_again(recovered, lived, run, desk):
    kept, _ = recovered
    run(*ACCEPT, "--apply")
    lived.checkpoint()
    desk.buy(account="acct-d")
    lived.checkpoint()
    back_to(lived, kept)
    assert "recovery_forged" in kinds(lived)
    lived.archive.remove(f"{recoveries.FOLDER}/0001.json")
    assert "recovery_forged" in kinds(lived)


def test_later_recovery_gives_up_what_the_line_before_said(recovered, lived, run, desk):
    run(*ACCEPT, "--apply")
    lived.checkpoint()
    middle = lived.last
    desk.buy(account="acct-d")
    lived.checkpoint()
    back_to(lived, middle)
    assert kinds(lived) == {"old_backup"}
    assert json.loads(run(*ACCEPT, "--apply", "--json")[1])["line"] == 2
    lived.checkpoint()
    assert lived.found() == []


def test_recovery_is_not_accepted_without_the_key_the_archive_or_a_name(recovered, lived, run):
    before = lived.last, lived.archive.names()
    assert run(*ACCEPT, "--apply", checkpoint_keys="") == (2, "")
    assert run(*ACCEPT, "--apply", archive_url="") == (2, "")
    assert run(*ACCEPT, "--apply", url=lived.url) == (2, "")
    assert run("audit", "accept-recovery", "--ticket", "because", "--apply") == (2, "")
    assert (lived.last, lived.archive.names()) == before


def test_acceptance_that_is_signed_by_another_key_accepts_nothing(recovered, lived, run):
    before = lived.archive.names()
    assert run(*ACCEPT, "--apply", checkpoint_keys=text_of(OTHER_KEY)) == (
        1, "not accepted: `audit verify` finds what no recovery explains: see docs/incident.md\n",
    )  # fmt: skip
    assert lived.archive.names() == before
    kept, known = recovered
    with lived.engine.connect() as connection:
        at = checkpoints.now(connection)
    said = recoveries.Recovery(
        line=1, after=kept, hash=bytes(32), lost=known, entry="rcv_" + "b" * 30, ticket="OPS-1", at=at
    )
    forged = recoveries.signed(said, Signer("simulator", [OTHER_KEY], []))
    for one in (forged, replace(forged, key_id=KEY[0])):
        lived.archive.put_once(one.name, one.written())
        assert "recovery_forged" in kinds(lived)
        assert kinds(lived) & {"rewritten", "forked"}
        lived.checkpoint()
        assert lines(lived) == []
        lived.archive.remove(one.name)


def test_acceptance_that_was_altered_or_put_elsewhere_accepts_nothing(recovered, lived, run):
    run(*ACCEPT, "--apply")
    (name,) = lived.archive.names(f"{recoveries.FOLDER}/")
    data = lived.archive.read(name)
    lived.archive.remove(name)
    altered = data.replace(b'"after": ', b'"after": 1')
    for other, changed in ((name, altered), ("recoveries/0002.json", data), (name, b"{}")):
        lived.archive.put_once(other, changed)
        assert kinds(lived) == {"rewritten", "recovery_forged"}
        lived.archive.remove(other)
    lived.archive.put_once(name, data)
    assert lived.found() == []


def test_nothing_is_accepted_of_a_journal_that_needs_it_not_or_is_altered(lived, run, desk):
    assert (run(*ACCEPT)[0], json.loads(run(*ACCEPT, "--json")[1])["code"]) == (1, "nothing_to_accept")
    with lived.undone():
        lived.stealthily("UPDATE entries SET act = 'task.opened' WHERE number = 2")
        status, out = run(*ACCEPT, "--apply", "--json")
    assert (status, json.loads(out)["code"]) == (1, "journal_unsound")


def test_journal_of_another_database_is_not_let_into_an_accepted_line(recovered, lived, run, desk):
    run(*ACCEPT, "--apply")
    with lived.undone():
        lived.stealthily(
            "UPDATE entries SET act = 'task.opened' WHERE number = 2",
            REHASHED.format(first=2),
            "DELETE FROM checkpoints",
        )
        lived.checkpoint()
        with lived.engine.connect() as connection:
            assert {one.state for one in checkpoints.listed(connection, 9)} == {"refused"}
        assert lines(lived) == []


def test_signed_acceptance_is_read_as_it_was_written(recovered, lived, run):
    run(*ACCEPT, "--apply")
    (made,), odd = recoveries.accepted(lived.archive, lived.signer.verifier)
    assert odd == []
    assert lived.archive.read(made.name) == made.written()
    assert recoveries.newest(lived.archive, Signer("simulator", [OTHER_KEY], []).verifier) is None
    assert copies.FIRST == "checkpoints"
