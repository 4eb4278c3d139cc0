"""A month of three stores, played over the whole program."""
