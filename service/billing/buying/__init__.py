"""How something is bought: sessions, card attempts as resumable steps, limits, reactivation, another card."""
