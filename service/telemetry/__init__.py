"""What we say about ourselves, and never more than that."""
