"""From the bus to a device and back: every job once, in order, in time."""
