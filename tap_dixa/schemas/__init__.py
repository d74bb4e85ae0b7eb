"""JSON schemas of the Dixa streams, one file per stream."""
