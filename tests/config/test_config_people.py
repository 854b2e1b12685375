"""The operator's commands about people; and who an operator is: one of many with a shared login of the database, or somebody with a login of their own."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from service import cli
from service.cli import common
from service.cli import keys as key_commands
from service.cli import people as commands
from service.errors import SettingsError
from service.store import database, keys
from service.store.models import ENTRIES, PEOPLE
from tests.support.people import TheirIssuer
from tests.support.tools import tools_over

SUBJECT = "auth0|4111111111111111"


def work(_):
    """Not called here."""


@pytest.fixture
def ours(make_tools):
    return make_tools(oidc_issuer=TheirIssuer.url)


@pytest.fixture
def run(ours, monkeypatch, capsys):
    """Runs a command in this process, over the test's tools; answers the exit status and what was printed."""

    def start(*arguments, tools=ours):
        for module in (commands, key_commands):
            monkeypatch.setattr(module, "tools", lambda: tools)
        status = cli.main(work, arguments)
        return status, capsys.readouterr().out

    return start


def entries(engine):
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(ENTRIES.c.act, ENTRIES.c.actor, ENTRIES.c.subject))]


def test_person_is_known_from_adding_to_leaving(run, web):
    status, shown = run("people", "add", "--subject", "mira", "--scope", "audit:read", "support:read")
    person = shown.strip()
    assert (status, person[:4]) == (0, "per_")
    identity = web.their_issuer.identity("mira")
    assert web.call("GET", "/v1/audit/entries", auth=identity).status_code == 200
    (row,) = json.loads(run("people", "list", "--json")[1])
    assert (row["id"], row["scopes"], row["left_at"]) == (person, ["audit:read", "support:read"], None)
    assert run("people", "leave", person) == (0, "left\n")
    assert web.call("GET", "/v1/audit/entries", auth=identity).json["code"] == "person_left"
    assert run("people", "leave", person)[0] == 1, "left once"
    assert json.loads(run("people", "list", "--json")[1])[0]["left_at"] is not None


def test_subject_is_kept_as_a_digest_and_said_nowhere(run, engine, logged, capsys):
    status, shown = run("people", "add", "--subject", SUBJECT, "--scope", "audit:read")
    with engine.connect() as connection:
        kept = str(connection.execute(select(PEOPLE)).all()) + str(connection.execute(select(ENTRIES)).all())
    assert status == 0
    for text in (shown, run("people", "list", "--json")[1], kept, logged(), capsys.readouterr().err):
        assert SUBJECT not in text
        assert "4111" not in text


@pytest.mark.parametrize("subject", ["", "m" * 256, "mir\u00e4", "a\nb"])
def test_subject_that_no_issuer_gives_is_refused(run, subject):
    assert run("people", "add", "--subject", subject, "--scope", "audit:read") == (2, "")


def test_nobody_is_added_where_no_issuer_is_set(run, tools):
    assert run("people", "add", "--subject", "mira", "--scope", "audit:read", tools=tools) == (2, "")


@pytest.mark.parametrize("scope", ["grants:request", "grants:approve", "support:read", "audit:read"])
def test_scope_of_people_is_given_to_no_key(run, scope):
    with pytest.raises(SystemExit) as ended:
        run("keys", "create", "--name", "shop", "--scope", scope)
    assert ended.value.code == 2


def test_scope_of_keys_is_given_to_nobody(run):
    with pytest.raises(SystemExit) as ended:
        run("people", "add", "--subject", "mira", "--scope", "accounts:write")
    assert ended.value.code == 2


def test_key_ends_after_the_days_that_were_said(run, engine):
    assert run("keys", "create", "--name", "shop", "--scope", "accounts:read", "--days", "30")[0] == 0
    assert run("keys", "create", "--name", "shop", "--scope", "accounts:read")[0] == 0
    with engine.connect() as connection:
        lives = [(key.ends_at - key.created_at).days for key in keys.listed(connection)]
    assert lives == [30, 365]
    _, shown = run("keys", "list")
    assert all(" valid    until 20" in line for line in shown.splitlines())


@pytest.mark.parametrize("days", ["0", "731", "-1", "1.5", "x"])
def test_key_for_longer_than_two_years_is_not_made(run, days):
    with pytest.raises(SystemExit) as ended:
        run("keys", "create", "--name", "shop", "--scope", "accounts:read", "--days", days)
    assert ended.value.code == 2


@pytest.fixture
def with_login(engine, bluesnap, clock):
    """Tools of somebody with a login of their own."""
    made = []

    def sign_in(name, **settings):
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(f"CREATE ROLE \"{name}\" LOGIN SUPERUSER PASSWORD 'made-up'")
        own = engine.url.set(username=name, password="made-up").render_as_string(hide_password=False)
        made.append((name, database.connect(own, pool_size=2)))
        return tools_over(made[-1][1], bluesnap, clock, oidc_issuer=TheirIssuer.url, **settings)

    yield sign_in
    for name, their in made:
        their.dispose()
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(f'DROP ROLE "{name}"')


def test_operator_with_a_login_of_their_own_is_the_actor(run, engine, with_login):
    anna = with_login("anna_7")
    person = run("people", "add", "--subject", "mira", "--scope", "audit:read", tools=anna)[1].strip()
    run("people", "leave", person)
    assert entries(engine) == [("person.added", "login:anna_7", person), ("person.left", "operator", person)]


def test_shared_login_says_nothing_of_who_it_was(run, engine, with_login):
    shared = with_login("our_service", shared_logins="postgres,our_service")
    run("keys", "create", "--name", "shop", "--scope", "accounts:read", tools=shared)
    assert [actor for _, actor, _ in entries(engine)] == ["operator"]


def test_login_whose_name_cannot_stand_in_the_journal_does_nothing(run, engine, with_login):
    odd = with_login("4111-1111")
    with pytest.raises(SettingsError, match="cannot stand in the journal") as told:
        common.operator(odd)
    assert "4111" not in str(told.value)
    assert run("people", "add", "--subject", "mira", "--scope", "audit:read", tools=odd) == (2, "")
    assert entries(engine) == []


@pytest.fixture
def file_of(tmp_path):
    """A file of these lines."""

    def write(*lines):
        (file := tmp_path / "people.csv").write_text("\n".join(lines), encoding="utf-8")
        return str(file)

    return write


def test_file_makes_people_known_in_one_step_and_leaves_those_who_are(run, web, file_of):
    known = run("people", "add", "--subject", "mira", "--scope", "audit:read")[1].strip()
    file = file_of("mira,support:read", "noor,support:read grants:request", "a,b,audit:read")
    status, shown = run("people", "import", file)
    noor, other = shown.split()
    rows = {row["id"]: row["scopes"] for row in json.loads(run("people", "list", "--json")[1])}
    assert (status, rows) == (
        0,
        {known: ["audit:read"], noor: ["grants:request", "support:read"], other: ["audit:read"]},
    )
    identity = web.their_issuer.identity("a,b")
    assert web.call("GET", "/v1/audit/entries", auth=identity).status_code == 200
    assert json.loads(run("people", "import", file, "--json")[1]) == {"ids": []}


@pytest.mark.parametrize(
    "line",
    ["noor", "noor,", ",audit:read", "noor,accounts:read", "n\u0101,audit:read", "4111 1111 1111 1111,audit:read"],
)
def test_file_with_a_line_that_is_none_makes_nobody_known(run, engine, file_of, line):
    assert run("people", "import", file_of("mira,audit:read", line)) == (2, "")
    assert entries(engine) == []


def test_file_that_is_not_there_is_said(run):
    assert run("people", "import", "/nowhere/people.csv") == (2, "")
