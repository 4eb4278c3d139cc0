"""The VAT table of `chain.yaml`, compared with an outside service that tells a country's rates.

The service proposes and is never obeyed: the table in the file is what tills sell by, with or
without an answer. `watch` raises the alarm, a person accepts, and what is accepted begins between
two business days.
"""
