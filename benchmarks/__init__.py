"""Costs of the taps, against the floor and against their peers: `python -m benchmarks`."""
