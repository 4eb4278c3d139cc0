"""Print jobs: from the receipt's document to the printer, once.

`desk` renders and queues, `owner` sends (one task per printer), `room` starts the owners and
reports what was printed. The queue and the line to the printer are ports.
"""
