"""The only code that touches reference.db: what head office sent down."""
