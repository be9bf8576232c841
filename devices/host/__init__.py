"""One machine that runs devices: what it is told to run, and what it says on the bus."""
