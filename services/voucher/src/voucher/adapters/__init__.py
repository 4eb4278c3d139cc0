"""PostgreSQL behind `ports.py`."""
