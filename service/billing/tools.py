"""The long-lived tools that use cases work with. wiring.py builds them once for each process; use cases receive them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from sqlalchemy import Engine

from service.archive import Archive
from service.billing.catalogue import Catalogue
from service.bluesnap.client import BlueSnapClient
from service.config import Settings
from service.identity.issuer import Issuer
from service.platform.client import PlatformClient
from service.store.keyring import Keyring


@dataclass(frozen=True)
class Tools:
    """`clock` tells business time, `machine_clock` this machine's; leases and the journal use the database's. `platform` is None where no address
    for events is set, `archive` where none is,
    `issuer` where nobody may come in as a person. `others` are engines over the logins that some doors have of their own, by the part's name.
    """

    settings: Settings
    engine: Engine
    bluesnap: BlueSnapClient
    clock: Callable[[], datetime]
    machine_clock: Callable[[], datetime]
    catalogue: Catalogue
    keyring: Keyring
    platform: PlatformClient | None = None
    archive: Archive | None = None
    issuer: Issuer | None = None
    others: Mapping[str, Engine] = field(default_factory=dict)

    def of_part(self, part: str | None) -> Self:
        """The same tools with that part's login of the database, if it has one."""
        return self if part is None or part not in self.others else replace(self, engine=self.others[part])
