"""The rules: pure functions from a command and a state to events."""
