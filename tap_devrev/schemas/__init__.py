"""JSON schemas of the DevRev streams, one file per stream."""
