"""Answering: what stands between a request and the recognizer, which one thread asks at a time.

shelf      the catalogue as it is read for browsing
engine     one loaded recognizer, a bounded queue before it, and the change to a new index while it works
deputies   processes that answer single photos beside it
"""
