"""Readable policies in place of a network: how they are fitted, taught and judged."""
