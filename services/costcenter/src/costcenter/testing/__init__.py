"""What tests of this service, and of those that build on it, share."""
