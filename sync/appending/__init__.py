"""Histories of boxes, kept: frames checked and appended, at head office and in the shop."""
