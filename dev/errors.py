"""The one way a developer command says that it cannot go on. The text is shown as it stands, without a traceback, and holds no secret."""

from __future__ import annotations


class DevError(Exception):
    """Something a developer can put right; the message says what, and how."""
