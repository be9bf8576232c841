"""`tillbox simulate`: one simulated device on a TCP port or a pseudo-terminal, with a script."""
