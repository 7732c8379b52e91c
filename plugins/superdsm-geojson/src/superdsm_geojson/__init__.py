"""Outlines in files back to label images of superdsm; and an observer that logs events."""
