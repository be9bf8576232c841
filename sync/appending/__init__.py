"""Histories of boxes, kept: frames checked and appended."""
