"""tap-deepconverse, run over HTTP against the sandbox."""
