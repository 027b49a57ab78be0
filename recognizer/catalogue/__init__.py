"""The catalogue: entries, numbers, photos and history in a database, what fills it and what is read from it."""
