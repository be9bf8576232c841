"""The simulated counter: hardware as a page, for the demo and for tests."""
