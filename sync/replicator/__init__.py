"""The shop side of replication: no database of its own."""
