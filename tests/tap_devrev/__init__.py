"""tap-devrev, run over HTTP against the sandbox."""
