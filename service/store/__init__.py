"""What we remember. Nothing here knows BlueSnap."""
