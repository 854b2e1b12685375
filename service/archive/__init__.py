"""What is kept off the host, each piece under a name and written once: logs and checkpoints. Never overwrites; who may remove is the caller's to decide."""

from service.archive.place import Archive
from service.errors import ArchiveAway, ArchiveConflict, ArchiveMissing

__all__ = ["Archive", "ArchiveAway", "ArchiveConflict", "ArchiveMissing"]
