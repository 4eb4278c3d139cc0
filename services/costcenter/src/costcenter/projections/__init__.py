"""Events → what the back office and the sweeper look up."""
