"""Whole catalogues as one file or in another database: backup, bundle, copy."""
