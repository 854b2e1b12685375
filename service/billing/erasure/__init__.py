"""Accounts that are to be forgotten: here, in the journal, at BlueSnap, and after every recovery again. Never while money is undecided."""
