"""Languages: what page and reports say in each, and how each writes numbers, dates and plurals.

catalogues   which languages there are: a folder LANGUAGE/LC_MESSAGES/znachki.po each, read as it is; English is the key
words        texts, counts, numbers and moments in a language
"""
