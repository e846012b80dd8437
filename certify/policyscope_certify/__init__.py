"""Certificates: what no adversary can take away. Registers its own analyzers."""
