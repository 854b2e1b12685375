"""People: staff and auditors, known by a digest of who they are at the issuer. Must never hold a name, an address or the issuer's own words.

Somebody who comes back is the same person under the same id: whoever has requested something must not approve it as somebody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from service.store.database import many, one
from service.store.ids import new_id
from service.store.journal import Act, Origin, write
from service.store.models import PEOPLE, PEOPLE_SCOPES, Person


def add(
    connection: Connection, *, identity: bytes, scopes: Iterable[str], environment: str, now: datetime, origin: Origin
) -> Person:
    """A new person; or one that is known, with these scopes instead of the ones before, also after having left."""
    known = one(connection, select(PEOPLE).where(PEOPLE.c.identity == identity).with_for_update(), Person)
    person = known or Person(id=new_id("per"), identity=identity, environment=environment, created_at=now)
    if known is None:
        connection.execute(insert(PEOPLE).values(**vars(person)))
    else:
        connection.execute(update(PEOPLE).where(PEOPLE.c.id == person.id).values(left_at=None))
        connection.execute(delete(PEOPLE_SCOPES).where(PEOPLE_SCOPES.c.person_id == person.id))
    granted = sorted(set(scopes))
    connection.execute(insert(PEOPLE_SCOPES), [{"person_id": person.id, "scope": scope} for scope in granted])
    write(connection, Act.PERSON_ADDED, origin, subject=person.id, image={"scopes": granted})
    return person


def find(connection: Connection, identity: bytes) -> Person | None:
    """Whose identity this is, also of somebody who has left."""
    return one(connection, select(PEOPLE).where(PEOPLE.c.identity == identity), Person)


def scopes_of(connection: Connection, person_id: str) -> frozenset[str]:
    """What the person may do."""
    statement = select(PEOPLE_SCOPES.c.scope).where(PEOPLE_SCOPES.c.person_id == person_id)
    return frozenset(connection.execute(statement).scalars())


def listed(connection: Connection) -> Sequence[Person]:
    """Everybody, who has left too, in the order in which they became known."""
    return many(connection, select(PEOPLE).order_by(PEOPLE.c.id), Person)


def leave(connection: Connection, person_id: str, *, now: datetime, origin: Origin) -> bool:
    """From the next request on the person is refused. False if there is no such person, or not any more."""
    statement = update(PEOPLE).where(PEOPLE.c.id == person_id, PEOPLE.c.left_at.is_(None)).values(left_at=now)
    if connection.execute(statement.returning(PEOPLE.c.id)).first() is None:
        return False
    write(connection, Act.PERSON_LEFT, origin, subject=person_id, image={"left": True})
    return True


def has_left(connection: Connection, person_id: str) -> bool:
    """Whether there is no such person, or not any more."""
    statement = select(PEOPLE.c.id).where(PEOPLE.c.id == person_id, PEOPLE.c.left_at.is_(None))
    return connection.execute(statement).first() is None


def of_login(connection: Connection, login: str) -> Person | None:
    """Whose database login this is, as the journal names it; nobody's who has left."""
    return one(connection, select(PEOPLE).where(PEOPLE.c.login == login, PEOPLE.c.left_at.is_(None)), Person)


def link(connection: Connection, person_id: str, login: str, origin: Origin) -> bool:
    """From now on whoever comes by this login is that person, so that nobody is two. False if there is no such person, or the login is another's."""
    taken = select(PEOPLE.c.id).where(PEOPLE.c.login == login, PEOPLE.c.id != person_id)
    if has_left(connection, person_id) or connection.execute(taken).first() is not None:
        return False
    connection.execute(update(PEOPLE).where(PEOPLE.c.id == person_id).values(login=login))
    write(connection, Act.PERSON_LINKED, origin, subject=person_id, image={"login": login})
    return True
