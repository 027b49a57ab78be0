"""A collector's side: what is owned, the lots of a sale, and what they are worth to the collection."""
