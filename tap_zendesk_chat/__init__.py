"""Singer tap for Zendesk Chat: the four incremental exports of the Chat API."""
