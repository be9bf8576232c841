"""Bytes only, no meaning."""
