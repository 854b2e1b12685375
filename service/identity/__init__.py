"""People, as their organisation's issuer of identities (OpenID Connect) names them. Knows nothing of our tables, and keeps nothing of an identity."""
