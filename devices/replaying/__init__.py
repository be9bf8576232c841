"""Plays a recording into the driver that it was made of, on time that jumps."""
