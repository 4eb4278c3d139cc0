"""What tests of the whole program need."""
