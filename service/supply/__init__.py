"""What this process is made of: its packages, and which of them have a flaw that is known."""
