"""Measures: how often answers are right, and whether pins are found."""
