"""Draws text in every script as dots, for printers that have no letters for it."""
