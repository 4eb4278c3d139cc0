"""Scanners, readers and terminals of a store: one owner task per device.

`room` starts, restarts and stops the owners; `ports` is what a driver has to be; `frames`, `keys`
and `debounce` are pure. Drivers are adapters (`adapters/readers/`, the terminal's beside it).
"""
