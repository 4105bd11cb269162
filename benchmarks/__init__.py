"""Benchmarks of gengap and its peers: `python -m benchmarks` in the root of the checkout."""
