"""Ours, as `bench.child` measures it: programs that run the service's own code when they are asked."""
