"""Singer tap for Zendesk Chat: its incremental exports, and the tables around them."""
