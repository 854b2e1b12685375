"""The calls about payers and their stored cards. Must never keep a name or a card beyond the answer, nor send back less of a shopper than was read."""

from __future__ import annotations

from service.bluesnap import answers, bodies, shopper_answers
from service.bluesnap.calling import ID, IDEMPOTENCY_KEY, MERCHANT_ID, Caller, checked
from service.bluesnap.cards import CardHint, PayerHint
from service.bluesnap.causes import Cause
from service.bluesnap.payloads import Payer, Shopper
from service.bluesnap.transport import Ask
from service.errors import Rejected


class ShopperCalls(Caller):
    """Payment-fields tokens, vaulted shoppers, stored cards."""

    def create_payment_fields_token(self) -> str:
        """A fresh, empty payment-fields token. BlueSnap drops it after 60 minutes (bluesnap/hosted-fields.md section 2)."""
        with self._observed("create_payment_fields_token"):
            return answers.read_fields_token(self._make(Ask("POST", "payment-fields-tokens")))

    def create_shopper(
        self,
        *,
        payment_fields_token: str,
        merchant_shopper_id: str,
        payer: Payer,
        three_d_secure_reference: str | None,
        fraud_session_id: str | None,
        idempotency_key: str,
    ) -> Shopper:
        """Vault the card behind the token under a new shopper. Moves no money; a bad card is Declined here already."""
        with self._observed("create_shopper"):
            body = bodies.shopper_body(
                payment_fields_token=payment_fields_token,
                merchant_shopper_id=checked(merchant_shopper_id, MERCHANT_ID),
                payer=payer,
                three_d_secure_reference=three_d_secure_reference,
                fraud_session_id=fraud_session_id,
            )
            key = checked(idempotency_key, IDEMPOTENCY_KEY)
            ask = Ask("POST", "vaulted-shoppers", body=body, idempotency_key=key)
            return shopper_answers.read_shopper(self._make(ask), ours=merchant_shopper_id)

    def get_shopper(self, shopper_id: str) -> Shopper:
        """One shopper by BlueSnap's id."""
        with self._observed("get_shopper"):
            return shopper_answers.read_shopper(self._get(_path(shopper_id)))

    def find_shopper(self, merchant_shopper_id: str) -> Shopper:
        """One shopper by the id that we gave it. NotFound is no proof that there is none."""
        with self._observed("find_shopper"):
            ours = checked(merchant_shopper_id, MERCHANT_ID)
            return shopper_answers.read_shopper(self._get(f"vaulted-shoppers/merchant/{ours}"), ours=ours)

    def get_payer(self, shopper_id: str) -> PayerHint:
        """Name and e-mail of a shopper, to be shown and not kept."""
        with self._observed("get_payer"):
            return shopper_answers.read_payer(self._get(_path(shopper_id)), shopper_id)

    def get_cards(self, shopper_id: str) -> list[CardHint]:
        """The stored cards of a shopper in BlueSnap's order, to be shown or matched and not kept. Two can be equal."""
        with self._observed("get_cards"):
            return shopper_answers.read_cards(self._get(_path(shopper_id)), shopper_id)

    def add_card(
        self,
        shopper_id: str,
        *,
        payment_fields_token: str,
        three_d_secure_reference: str | None = None,
        fraud_session_id: str | None = None,
    ) -> list[CardHint] | None:
        """Vault the card behind the token under this shopper too; a bad card is Declined. Subscriptions stay on their own card.

        Two exchanges: the shopper is read, then sent back with the new card, since an update replaces what it does not repeat. Answers
        the cards that the update shows, None if it shows too little to tell. Not covered by an idempotency key. The card of before
        sent again only refreshes its expiry.
        """
        with self._observed("add_card"):
            path = _path(shopper_id)
            body = bodies.card_added_body(
                shopper_answers.read_contact(self._get(path), shopper_id),
                payment_fields_token=payment_fields_token,
                three_d_secure_reference=three_d_secure_reference,
                fraud_session_id=fraud_session_id,
            )
            return shopper_answers.read_changed_cards(self._change(Ask("PUT", path, body=body)))

    def delete_card(self, shopper_id: str, card: CardHint) -> list[CardHint] | None:
        """Delete one card; answers those left as add_card does. Rejected while a running subscription uses it.

        Two exchanges, as in add_card. Where no card is of that name, nothing is sent; where two are, it is Rejected (card_ambiguous):
        nobody could tell which of them BlueSnap would delete. Raises ValueError for a card that could not be read.
        """
        with self._observed("delete_card"):
            path = _path(shopper_id)
            shown = self._get(path)
            cards = shopper_answers.read_cards(shown, shopper_id)
            body = bodies.card_deleted_body(shopper_answers.read_contact(shown, shopper_id), card)
            if card not in cards:
                return cards
            if cards.count(card) > 1:
                raise Rejected(Cause.CARD_AMBIGUOUS)
            return shopper_answers.read_changed_cards(self._change(Ask("PUT", path, body=body)))

    def delete_shopper(self, shopper_id: str) -> None:
        """Ask for the deletion of a shopper, which BlueSnap queues for up to 7 days.

        Rejected (shopper_needed) within 12 months of a purchase, or with a running subscription (bluesnap/api.md section 7).
        """
        with self._observed("delete_shopper"):
            self._change(Ask("DELETE", _path(shopper_id)))


def _path(shopper_id: str) -> str:
    return f"vaulted-shoppers/{checked(shopper_id, ID)}"
