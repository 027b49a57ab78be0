"""Offline step: fits what the recogniser learns from photos."""
