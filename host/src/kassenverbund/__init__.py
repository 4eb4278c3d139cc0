"""Kassenverbund: the backbone behind the tills of a chain. See README.md."""

__version__ = "0.1.0"
