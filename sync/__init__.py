"""Replication between shops and head office."""
