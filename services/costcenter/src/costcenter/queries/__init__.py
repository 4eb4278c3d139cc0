"""Read models → answers."""
