"""Programs for a person who works on this project."""
