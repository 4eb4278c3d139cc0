"""Verifies a DSFinV-K export (2.3, 2.4) as the tax office's tools would: its form against index.xml
and the standard's tables, its sums, numbers and times, and every signature in it.

Like the rest of `kassenverbund.fiscal` it shares no line with the code that writes exports.
"""
