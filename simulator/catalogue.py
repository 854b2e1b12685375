"""Plans, and the two that are always there under fixed ids. A plan's identity never changes once a subscription may point to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from simulator.clock import add_months

# bluesnap/api.md section 9; days or months between charges, None for a plan that never renews.
FREQUENCIES: dict[str, tuple[str, int] | None] = {
    "ONCE": None,
    "DAILY": ("days", 1),
    "WEEKLY": ("days", 7),
    "EVERY 2 WEEKS": ("days", 14),
    "MONTHLY": ("months", 1),
    "EVERY 2 MONTHS": ("months", 2),
    "QUARTERLY": ("months", 3),
    "EVERY 6 MONTHS": ("months", 6),
    "ANNUALLY": ("months", 12),
    "EVERY 2 YEARS": ("months", 24),
    "EVERY 3 YEARS": ("months", 36),
}


@dataclass
class Plan:
    """A billing plan. Amounts are major units of `currency`."""

    id: int
    name: str
    frequency: str
    currency: str
    recurring_amount: Decimal
    grace_days: int | None = None
    trial_days: int | None = None
    initial_amount: Decimal | None = None
    max_charges: int | None = None
    charge_on_switch: bool = False
    status: str = "ACTIVE"

    def following(self, day: date, anchor: int | None) -> date | None:
        """The charge date after `day`; `anchor` is the day of the month to aim for, None to stay on a shortened one."""
        step = FREQUENCIES[self.frequency]
        if step is None:
            return None
        unit, count = step
        return day + timedelta(days=count) if unit == "days" else add_months(day, count, anchor)


def fixed_plans() -> list[Plan]:
    """The catalogue that survives every reset: `Team monthly` and `Business monthly`."""
    return [
        Plan(2340001, "Team monthly", "MONTHLY", "USD", Decimal("29.00"), grace_days=60),
        Plan(2340002, "Business monthly", "MONTHLY", "USD", Decimal("49.00"), grace_days=60),
    ]
