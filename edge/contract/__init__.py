"""The words of Tillbox: what is said between processes, on disk and on the wire."""
