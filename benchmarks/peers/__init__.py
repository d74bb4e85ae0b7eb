"""Peers that have to be written, each run by the Python of its own environment."""
