"""What the gateway does when it is asked: appends decided by the rules, and the calls between."""
