"""Ports of this machine behind which something simulated stands: TCP, and pseudo-terminals."""
