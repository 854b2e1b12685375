"""What is told to the platform: signed events to its own address. Knows nothing of BlueSnap and none of our tables."""
