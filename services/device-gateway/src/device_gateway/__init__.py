"""The device gateway: tills, their bookings, and the paper that comes of them."""
