"""A store of tills that behave like people's: for demonstrations, measurements and tests.

Open loop: what shall happen when is settled before anything happens (`plan`), and an answer's time
counts from then. A program that falls behind is measured with the queue before it.
"""
