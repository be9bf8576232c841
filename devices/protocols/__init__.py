"""Codecs without I/O: bytes in, events out; objects in, bytes out."""
