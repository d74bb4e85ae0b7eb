"""JSON schemas of the Zendesk Chat streams, one file per stream."""
