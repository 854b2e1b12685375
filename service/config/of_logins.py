"""The settings by which each part of the service comes to the database: one login for all of them, or one for each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

from service.config import parsers
from service.config.declaring import PREFIX, one

#: Parts of the service that may have a login of their own; operators' commands always come with that of PANLESS_DATABASE_URL.
PARTS = ("web", "intake", "support", "auditor", "worker")
#: Those that are doors of `serve`.
OF_DOORS = ("intake", "support", "auditor")


def _login(part: str, who: str) -> Any:
    meaning = f"as PANLESS_DATABASE_URL, for {who} alone, with a login of panless_{part}; none: the same login"
    return one(f"DATABASE_URL_{part.upper()}", parsers.text, meaning, None, secret=True)


@dataclass(frozen=True)
class OfLogins:
    """A part of all settings (declarations.py)."""

    database_url: str = one(
        "DATABASE_URL", parsers.text, "PostgreSQL to use, as postgresql://…", secret=True, alias="DATABASE_URL"
    )
    database_url_web: str | None = _login("web", "`serve`")
    database_url_intake: str | None = _login("intake", "the door of notices")
    database_url_support: str | None = _login("support", "the door of support")
    database_url_auditor: str | None = _login("auditor", "the door of auditors")
    database_url_worker: str | None = _login("worker", "`work`")

    def own_urls(self) -> dict[str, str]:
        """The URLs of the parts that have a login of their own."""
        given = {part: getattr(self, f"database_url_{part}") for part in PARTS}
        return {part: url for part, url in given.items() if url is not None}

    def urls_of(self, *parts: str) -> dict[str, str]:
        """The URLs that these parts come to the database with, by the names of their settings."""
        own, urls = self.own_urls(), {}
        for part in parts:
            name = f"{PREFIX}DATABASE_URL_{part.upper()}" if part in own else f"{PREFIX}DATABASE_URL"
            urls[name] = own.get(part, self.database_url)
        return urls

    def of_part(self, part: str) -> Self:
        """The settings as a part of the service has them: with its own login."""
        return replace(self, database_url=self.own_urls().get(part, self.database_url))
