"""From a record's bytes to its RECORD line."""
