"""Tests, by tap and by behaviour. Packages, so that each tap can have a ``test_sync.py``."""
