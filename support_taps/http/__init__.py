"""Asking a vendor for pages: pace, tries, and what a response means."""
