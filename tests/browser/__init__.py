"""The web till in a real browser: the whole program over a real PostgreSQL, Debian's Chromium."""
