"""Curating on the page: queues of what a curator looks through, each thing with the buttons that settle it.

passed     what somebody looked at and left as it is
findings   what the audit found, with the buttons that mend it
doubts     answers of kept lots that nobody judged, the doubtful ones first
pages      what curators see of all that, and what they send
"""
