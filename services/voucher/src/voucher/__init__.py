"""Vouchers: sold at one till, paid with at any other. See `README.md` beside this package."""
