"""What may be asked of the service: load, decide, append."""
