"""Plumbing: clock, tasks, bus, database file, settings, logs; no meaning of a shop."""
