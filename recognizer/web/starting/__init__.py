"""The first start: the drawn sample in one click, a catalogue by upload, and the index made while the old one answers.

pages      what people see of it
sources    what was sent to be imported, in folders of its own until it is imported
works      what takes longer than a request, one at a time, in a thread that a kill does not harm
"""
