"""The lever face: what a test or a person may do to the simulator, as JSON under /_levers. Levers must never mix with BlueSnap's own calls."""

from __future__ import annotations

from simulator.levers.blueprint import levers_blueprint

__all__ = ["levers_blueprint"]
