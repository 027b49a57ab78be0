"""My collection: what is owned, wished for and to swap, said by buttons, and what is missing, shown in pictures.

    pages    what people see and send
    held     what is held of an entry, in words

What owning means is said by `recognizer.collecting.holdings`. Only who may write sees a collection: it is nobody else's
business what somebody owns and where it lies.
"""
