"""What the taps cost, against the floor and against their peers: `python -m benchmarks`."""
