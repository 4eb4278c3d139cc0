"""What a scan is: pure, without a question to anybody.

`scanned` has the words, `classify` the order of the rules; `aim`, `gs1`, `numbers` and `uid` know
one form each. The rules name themselves in the result (decision 0023).
"""
