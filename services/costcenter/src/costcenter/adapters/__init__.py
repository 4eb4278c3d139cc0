"""What the ports are in PostgreSQL."""
