"""One file per thing that happens in a shop."""
