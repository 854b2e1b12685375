"""A port on loopback where nobody may be called: it takes every connection, keeps what was said, and never answers."""

from __future__ import annotations

import contextlib
import socket
import threading


class Recorder:
    """A context manager. `connections` counts who came, `said` is what they sent; I10 looks at those of `stage.recorders`."""

    def __init__(self, stage=None):
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self.connections, self.said = 0, []
        if stage is not None:
            stage.recorders.append(self)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/"

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection, contextlib.suppress(OSError):
                connection.settimeout(1)
                self.said.append(connection.recv(65_536))
