"""The kinds of sources that are imported, a module each; every one is a `rows.Importer`."""
