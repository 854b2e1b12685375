"""People: add, import, list, link with a database login, leave. The subject, who somebody is at the issuer, is read and never said again."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from service.cardguard.formats import PERSON_SCOPES
from service.cli.common import FINE, FOUND, Commands, add_scopes, complain, operator, say, tools

LONGEST_SUBJECT = 255  # OpenID Connect Core 1.0, section 2


def register(commands: Commands) -> None:
    """Add `people`."""
    people = commands.group(
        "people", "staff and auditors, who come in by an identity of their own", "add|import|list|login|leave"
    )
    add = people.add("add", add_person)
    add.add_argument("--subject", required=True, help="who it is at the issuer, as its `sub` says it")
    add_scopes(add, PERSON_SCOPES)
    people.add("import", import_people).add_argument("file", metavar="FILE", help="lines of SUBJECT,SCOPE SCOPE")
    people.add("list", list_people)
    login = people.add("login", link_login)
    login.add_argument("id", metavar="ID")
    login.add_argument("login", metavar="LOGIN", help="the database login that is this person's own")
    people.add("leave", leave).add_argument("id", metavar="ID")


def add_person(arguments: argparse.Namespace) -> int:
    """Make a person known, or give one that is known these scopes instead; print our id."""
    wrong = _wrong(arguments.subject)
    return complain(wrong) if wrong else _add(arguments, [(arguments.subject, arguments.scope)], again=True)


def import_people(arguments: argparse.Namespace) -> int:
    """Make all people of a file known whom we do not know, in one step; print our ids."""
    try:
        lines = Path(arguments.file).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return complain("the file cannot be read")
    wanted = [(subject, scopes.split()) for subject, _, scopes in (line.rpartition(",") for line in lines)]
    for number, (subject, scopes) in enumerate(wanted, start=1):
        wrong = _wrong(subject)
        if not scopes or not set(scopes) <= set(PERSON_SCOPES):
            wrong = wrong or f"scopes are some of {', '.join(PERSON_SCOPES)}"
        if wrong:
            return complain(f"line {number}: {wrong}")
    return _add(arguments, wanted, again=False)


def _wrong(subject: str) -> str | None:
    from service.cardguard.detect_numbers import is_card

    if not (0 < len(subject) <= LONGEST_SUBJECT and subject.isascii() and subject.isprintable()):
        return "a subject is 1 to 255 printable ASCII characters"
    if is_card(subject.replace(" ", "").replace("-", "")):
        return "that is a card number: not even a digest of one is kept"
    return None


def _add(arguments: argparse.Namespace, wanted: Sequence[tuple[str, Sequence[str]]], *, again: bool) -> int:
    """All of them, or none. `again`: those that are known as well."""
    from service.identity.issuer import digest_of
    from service.store import database, people

    our = tools()
    if our.settings.oidc_issuer is None:
        return complain("PANLESS_OIDC_ISSUER is not set: who somebody is depends on the issuer")
    origin, made = operator(our), []
    with our.engine.begin() as connection:
        for subject, scopes in wanted:
            identity = digest_of(our.settings.oidc_issuer, subject)
            if again or people.find(connection, identity) is None:
                person = people.add(
                    connection,
                    identity=identity,
                    scopes=scopes,
                    environment=our.settings.environment,
                    now=database.now(connection),
                    origin=origin,
                )
                made.append(person.id)
    said: Any = {"id": made[0]} if again else {"ids": made}
    say(arguments, said, "\n".join(made) or "all of them are known")
    return FINE


def list_people(arguments: argparse.Namespace) -> int:
    """Everybody whom we know, by our ids: of who they are only digests are kept."""
    from service.store import people

    with tools().engine.connect() as connection:
        rows: list[dict[str, Any]] = [
            {
                "id": person.id,
                "scopes": sorted(people.scopes_of(connection, person.id)),
                "created_at": person.created_at.isoformat(timespec="seconds"),
                "left_at": person.left_at.isoformat(timespec="seconds") if person.left_at else None,
            }
            for person in people.listed(connection)
        ]
    lines = [f"{row['id']}  {'left' if row['left_at'] else 'here'}  {' '.join(row['scopes'])}" for row in rows]
    say(arguments, rows, "\n".join(lines) or "nobody")
    return FINE


def link_login(arguments: argparse.Namespace) -> int:
    """Say whose own a database login is: whoever comes by it is that person, and not a second one."""
    from service.cardguard import formats
    from service.store import people

    if not formats.matches(formats.LOGIN, arguments.login):
        return complain("a login is a-z and _, with at most six digits in one place")
    our = tools()
    if arguments.login in our.settings.shared_logins:
        return complain("this login is shared: nobody can be told by it")
    done = False
    if formats.matches(formats.OUR_ID, arguments.id):
        origin = operator(our)
        with our.engine.begin() as connection:
            done = people.link(connection, arguments.id, f"login:{arguments.login}", origin)
    say(arguments, {"linked": done}, "linked" if done else "no such person, or the login is another's")
    return FINE if done else FOUND


def leave(arguments: argparse.Namespace) -> int:
    """Stop a person: the next request is refused, and what was granted ends."""
    from service.billing.support import grants
    from service.cardguard import formats
    from service.store import database, people

    our = tools()
    known, done = formats.matches(formats.OUR_ID, arguments.id), False
    if known:
        origin = operator(our)
        with our.engine.begin() as connection:
            grants.stop_all(connection, arguments.id, origin)
            done = people.leave(connection, arguments.id, now=database.now(connection), origin=origin)
    say(arguments, {"left": done}, "left" if done else "no such person, or left already")
    return FINE if done else FOUND
