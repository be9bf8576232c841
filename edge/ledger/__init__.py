"""The only code that touches ledger.db."""
