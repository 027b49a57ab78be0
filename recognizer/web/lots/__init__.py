"""Lots on the page: pictures of many pins, worked through in the background.

jobs       what was sent and what was found, in folders that outlive a kill, and the thread that works through them
recutting  pins that a person splits, joins, deletes or draws
boards     the pictures of a lot with their pins in groups, as its page shows them
pages      the pages of a lot, and what can be taken along
forms      what these pages send
api        the same for programs
"""
