"""Signers that are killed, paused and overtaken while TSEs delay, fail and lose their answers.

`make endurance` (10,000 processes of tills) and `test_endurance.py` (some hundred). Real processes,
PostgreSQL, the bus in it, software TSEs and a played fiskaly cloud over HTTP. What came of it is
read from the devices themselves and held against the log by code that is not the signer's.
"""
