"""What a service needs from the program, and nothing else of it.

Services import `kassenverbund.kit`; the rest of `kassenverbund` imports no service and finds them
by the entry-point group `kassenverbund.services`.
"""
