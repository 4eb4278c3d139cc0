"""Making export files: a process of its own reads the journal, writes tables to disk, packs them.

Sales go on meanwhile: they share neither memory nor processor time of an event loop with it.
"""
