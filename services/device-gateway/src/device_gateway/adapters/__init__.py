"""The gateway's ports, bound to real things."""
