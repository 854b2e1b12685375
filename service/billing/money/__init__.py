"""What was paid, given back and disputed. Never more is given back than was paid."""
