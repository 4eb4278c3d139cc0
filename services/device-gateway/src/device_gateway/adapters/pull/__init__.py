"""Printers that fetch their jobs: what they say and want to hear, and who they are."""
