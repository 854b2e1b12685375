"""Proves that the journal is what it was: signs checkpoints of its chain, copies them out of the database, and recomputes everything. Changes no entry."""
