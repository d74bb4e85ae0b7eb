"""tap-dixa, run over HTTP against the sandbox."""
