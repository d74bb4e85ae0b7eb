"""tap-zendesk-chat, run over HTTP against the sandbox."""
