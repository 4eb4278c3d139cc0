"""ZVT (700) over TCP: the till side of it.

Source: "ECR-Interface ZVT-Protocol" PA00P015, revisions 13.06 and 13.07. On TCP a bare APDU is
sent: class, instruction, length, data; the framing and checksum of serial lines are not used.
"""
