"""Archives this host's log lines beside whatever else a process does, and needs no database for it. An archive that is away is asked again, without end."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import structlog

from service.archive.logs import DamagedError
from service.archive.shipping import Shipper
from service.errors import ArchiveAway, ArchiveConflict, ArchiveError

#: Thrice as often as the oldest line may wait.
SECONDS = 20.0
#: What a last round may take at the end of the process.
LAST_SECONDS = 20.0
log = structlog.get_logger()


@contextlib.contextmanager
def alongside(shipper: Shipper) -> Iterator[None]:
    """A round every twenty seconds until the end of the block, and one more then, for the lines of the end itself."""
    over = threading.Event()

    def run() -> None:
        once(shipper)
        while not over.wait(SECONDS):
            once(shipper)
        once(shipper)

    thread = threading.Thread(target=run, name="log-archive", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(LAST_SECONDS)


def once(shipper: Shipper) -> bool:
    """One round; False where it could not be done, or another process does it. Why is told; what was missed is the next one's."""
    try:
        return shipper.ship()
    except (ArchiveConflict, DamagedError) as error:
        log.exception("logs.archive_damaged", error=type(error).__name__)
    except ArchiveAway as error:
        log.warning("logs.not_archived", error=str(error))
    except (ArchiveError, OSError) as error:
        log.warning("logs.not_archived", error=type(error).__name__)
    return False
