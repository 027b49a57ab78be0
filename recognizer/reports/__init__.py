"""Answers for people and programs: JSON, tables, pictures, pages in one file, sheets to print."""
