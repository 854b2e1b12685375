"""How a subscription lives: ordered changes, looks at BlueSnap, and the one way to follow what it shows."""
