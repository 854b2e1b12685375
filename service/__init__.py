"""Panless: paid signups through BlueSnap's hosted payment fields, without ever touching card data."""
