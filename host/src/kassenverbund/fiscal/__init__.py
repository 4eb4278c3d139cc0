"""Verifies what TSEs signed, as a tax inspector would: archives, receipt codes, log messages.

Built from the formats alone (BSI TR-03151 and TR-03153, DSFinV-K annex I) and without the signer:
it shares no line with the code that makes what is judged here, so a mistake there is not
believed here.
"""
