"""Devices, their memory, and leases."""
