"""The same names as the drivers, in the opposite role."""
