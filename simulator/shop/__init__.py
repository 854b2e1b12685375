"""The demo shop: a fictitious SaaS that sells its plans through Panless, as any merchant's own site would.

It knows Panless by its public API only, and never receives anything of a card.
"""

from __future__ import annotations

from .app import create_app

__all__ = ["create_app"]
