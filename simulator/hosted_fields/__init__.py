"""BlueSnap-style hosted payment fields on an origin of their own: the script, its three frames and the call they make.

The page that embeds them must never learn a card number; what is typed goes from the frames to the simulator only.
"""

from __future__ import annotations

from .app import create_app

__all__ = ["create_app"]
