"""Browsing: the catalogue by filters and in an order, and the page of an entry, with what can be changed there.

pages      what people see and send
asked      what of the catalogue is asked for, and the entries that fit
changing   an entry's fields as a form has them
"""
