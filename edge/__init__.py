"""The store server of a shop: tills, selling, the ledger and the bus."""
