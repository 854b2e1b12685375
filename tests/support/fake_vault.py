"""The cards of the fake BlueSnap: who typed which, whose vault holds what, and which one a subscription is charged to."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from service.bluesnap.cards import CardHint, PayerHint
from service.errors import Rejected

FIRST = CardHint("VISA", "1111")
PAYER = PayerHint("Mira", "Okafor", "mira@example.test")


@dataclass(frozen=True)
class Stored:
    """A card in a vault. Two of one brand and last four digits differ by their `number`, which nobody outside sees."""

    card: CardHint
    number: str


class FakeVault:
    """The calls about cards. `type_card` says what the next payment-fields token holds."""

    def set_up_vault(self):
        self.vault = defaultdict(list)
        self.charged_card = {}
        self.shows_cards = True
        self.type_card(*FIRST.__dict__.values())

    def type_card(self, brand, last_four, number="one"):
        self.typed = Stored(CardHint(brand, last_four), f"{brand}-{last_four}-{number}")
        return self.typed.card

    def cards_of(self, shopper_id):
        return [stored.card for stored in self.vault[shopper_id]]

    def store_typed(self, shopper_id):
        """What was stored before is refreshed, not stored again."""
        if self.typed not in self.vault[shopper_id]:
            self.vault[shopper_id].append(self.typed)

    def get_cards(self, shopper_id):
        return self._perform("get_cards", {"shopper_id": shopper_id}, lambda: self.cards_of(shopper_id))

    def get_payer(self, shopper_id):
        return self._perform("get_payer", {"shopper_id": shopper_id}, lambda: PAYER)

    def get_subscription_card(self, subscription_id):
        def get():
            return self.charged_card.get(subscription_id)

        return self._perform("get_subscription_card", {"subscription_id": subscription_id}, get)

    def add_card(self, shopper_id, **given):
        def add():
            self.store_typed(shopper_id)
            return self.cards_of(shopper_id) if self.shows_cards else None

        return self._perform("add_card", {"shopper_id": shopper_id, **given}, add)

    def delete_card(self, shopper_id, card):
        def delete():
            if self.cards_of(shopper_id).count(card) > 1:
                raise Rejected("card_ambiguous")
            running = [one for one in self.subscriptions if one.shopper_id == shopper_id and one.status == "ACTIVE"]
            if any(self.charged_card.get(one.subscription_id) == card for one in running):
                raise Rejected("invalid_request")
            self.vault[shopper_id] = [stored for stored in self.vault[shopper_id] if stored.card != card]
            return self.cards_of(shopper_id)

        return self._perform("delete_card", {"shopper_id": shopper_id, "card": card}, delete)
