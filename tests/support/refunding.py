"""Refunds in the hands of a test: orders them, lets their leases end, reads what became of them and of what BlueSnap gave back."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from sqlalchemy import func, update

from service.billing.money import refunds
from service.store.journal import Origin
from service.store.models import REFUNDS, TASKS
from service.store.models import Charge as ChargeRow

PLATFORM = Origin("key:key_" + "b" * 30)


class Refunding:
    """Of one account's first charge, unless another is named."""

    def __init__(self, desk, bluesnap):
        self.desk, self.bluesnap = desk, bluesnap
        desk.buy()
        self.charge_id = desk.charges[0].id
        self.reference = desk.charges[0].reference

    def order(self, amount="10.00", *, charge_id=None, reason="requested_by_customer", cancel=False, **more):
        wanted = refunds.Order(None if amount is None else Decimal(amount), reason, cancel, **more)
        return refunds.order(self.desk.tools, PLATFORM, charge_id or self.charge_id, wanted)

    def settle(self):
        """What the worker does once whatever it waits for is over."""
        self.let_leases_end()
        return refunds.settle_due(self.desk.tools)

    def let_leases_end(self):
        self._change(lease_until=func.clock_timestamp())

    def age(self, **span):
        """Every call was made that much earlier, by the database's clock."""
        self._change(called_at=REFUNDS.c.called_at - timedelta(**span))

    def _change(self, **values):
        waiting = REFUNDS.c.lease_until.is_not(None)
        with self.desk.tools.engine.begin() as connection:
            connection.execute(update(REFUNDS).where(waiting).values(**values))

    def follow(self):
        """Follow what BlueSnap shows of the charge, as a look does."""
        seen = self.bluesnap.get_transaction(self.reference)
        charge = ChargeRow(**self.desk.charges[0]._mapping)
        with self.desk.tools.engine.begin() as connection:
            refunds.follow(connection, self.desk.tools, charge, seen, origin=Origin("worker"))

    @property
    def rows(self):
        return self.desk.rows(REFUNDS)

    @property
    def statuses(self):
        return [row.status for row in self.rows]

    @property
    def tasks(self):
        return [row.kind for row in self.desk.rows(TASKS)]

    @property
    def given(self):
        """What BlueSnap has given back of the charge, in order."""
        return self.bluesnap.given(self.reference)

    @property
    def left(self):
        """What is left by our books."""
        charge = ChargeRow(**self.desk.charges[0]._mapping)
        with self.desk.tools.engine.connect() as connection:
            return refunds.remainder(connection, charge)
