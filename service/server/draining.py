"""A listener that closes resets everybody who waits to be taken. Here it first lets nobody in any more, so that whoever is in can be answered."""

from __future__ import annotations

import contextlib
import ctypes
import socket
import struct
from collections.abc import Iterable
from typing import Any

from gunicorn.arbiter import Arbiter

#: The number of SO_ATTACH_FILTER (socket(7)), which Python's module does not name.
_ATTACH_FILTER = 26
#: One instruction of the classic packet filter: keep zero bytes of whatever comes.
_NOTHING = struct.pack("=HBBI", 0x06, 0, 0, 0)


def let_nobody_in(listeners: Iterable[Any]) -> None:
    """What comes to these sockets from now on is dropped; connections that are made already wait to be taken. Where the system cannot do it, nothing is done."""
    code = ctypes.create_string_buffer(_NOTHING)
    program = struct.pack("@HP", 1, ctypes.addressof(code))
    for listener in listeners:
        with contextlib.suppress(OSError):
            listener.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, program)


class Master(Arbiter):  # type: ignore[misc]
    """gunicorn's master, whose listeners let nobody in before it closes them and tells its workers to stop."""

    def stop(self, graceful: bool = True) -> None:
        """Stop the workers, at once or by and by."""
        if graceful:
            let_nobody_in(self.LISTENERS)
        super().stop(graceful)
