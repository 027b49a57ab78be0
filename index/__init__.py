"""Offline step: makes and checks the FAISS index of a catalogue."""
