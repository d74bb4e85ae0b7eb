"""One base class for each access pattern."""
