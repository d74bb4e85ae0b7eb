"""The shared modules, each on its own."""
