"""What BlueSnap tells: notices recorded once, a rule for every type, and what each does."""
