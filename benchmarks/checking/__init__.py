"""Measures `gengap check` against the truth on fresh rows: see `python -m benchmarks.checking --help`."""
