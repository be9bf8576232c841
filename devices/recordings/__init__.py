"""Recordings: what a device's flight recorder held, kept as files of the host."""
