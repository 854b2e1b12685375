"""Logins of the database for the parts of a stack: each a member of its group role and no more, so that whatever runs here runs with the rights it has elsewhere."""

from __future__ import annotations

import secrets

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

#: Each setting's login and group. Operators' commands come with a login that is listed as shared, so they act as `operator`.
_LOGINS = {
    "PANLESS_DATABASE_URL": ("panless", "panless_operator"),
    **{
        f"PANLESS_DATABASE_URL_{part.upper()}": (f"local_{part}", f"panless_{part}")
        for part in ("web", "intake", "support", "auditor", "worker")
    },
}


def make(url: str) -> dict[str, str]:
    """Make them where they are not, over the URL of a superuser, after a migration has made the groups. Passwords are new each time. The settings' values."""
    made = {}
    with psycopg.connect(url, autocommit=True) as connection:
        for setting, (login, group) in _LOGINS.items():
            password = secrets.token_urlsafe(24)
            known = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (login,)).fetchone()
            verb = sql.SQL("ALTER" if known is not None else "CREATE")
            role = sql.Identifier(login)
            connection.execute(sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, role, sql.Literal(password)))
            connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), role))
            ours = make_url(url).set(username=login, password=password)
            made[setting] = ours.render_as_string(hide_password=False)
    return made
