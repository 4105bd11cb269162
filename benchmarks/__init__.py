"""gengap beside its peers, measured in one run: `python -m benchmarks` from the root of the checkout."""
