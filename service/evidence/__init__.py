"""Evidence: a private copy of the system is tried with canaries, everything that it left is searched, and what was found is written down."""
