"""Benchmarks: each runs ours beside a floor or a peer in the same run, and says ratios. `python -m bench` (or `make bench`) runs them all."""
