"""Card terminals: what the gateway wants of one, how answers are compared, who owns one now."""
