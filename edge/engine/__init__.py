"""Pure rules of a shop: no clock, no I/O, no chance."""
