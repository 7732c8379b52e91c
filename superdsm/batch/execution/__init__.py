"""Doing it: workers, the images given to them, and who is told meanwhile."""
