"""A small service of no trade: notes are written, counted in a read model, and echoed over the bus.

The program's own tests run it, so that they need none of the real services.
"""
