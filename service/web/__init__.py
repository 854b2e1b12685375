"""Doors: one file per kind of caller, each with its lock. Nothing is decided here."""
