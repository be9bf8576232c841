"""Hardware attached to this host."""
