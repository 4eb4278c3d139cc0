"""What may happen, as pure functions: `decide` and `evolve` of each kind of stream."""
