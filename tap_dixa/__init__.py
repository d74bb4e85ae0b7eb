"""Singer tap for Dixa: conversations and messages from the Exports API."""
