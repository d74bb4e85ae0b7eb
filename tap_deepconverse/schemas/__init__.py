"""JSON schemas of the DeepConverse streams, one file per stream."""
