"""The long-lived tools that use cases work with. wiring.py builds them once for each process; use cases receive them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

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
    `issuer` where nobody may come in as a person.
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
