"""The processes that share long work."""
