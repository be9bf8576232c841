"""`tillbox demo`: the whole shop on one machine, with simulated hardware.

Starts processes, nothing else: each runs as in a shop, with a settings file of its own.
"""

from edge.demo.command import COMMAND

__all__ = ["COMMAND"]
