"""What tests of this service and of others need to play it. Not used by the program."""
