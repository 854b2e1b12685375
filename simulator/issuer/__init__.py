"""A small issuer of identities (OpenID Connect) for developers: it signs for made-up people whatever they would prove elsewhere. It is no part of BlueSnap."""
