"""Singer tap for DeepConverse: conversations and messages from the Export API."""
