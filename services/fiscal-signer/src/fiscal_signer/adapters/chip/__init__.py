"""Where the software TSEs' private keys are used: in processes of their own.

A signature on P-384 takes a quarter of a millisecond, all of it under the interpreter's lock.
A real TSE is a chip outside of the program; so is this one (docs/decisions/0014).
"""
