"""BlueSnap in miniature, for people and tests on this machine. It imports nothing of the service, keeps everything in memory, and must never be reachable from outside loopback."""
