"""Doing it: workers, the images given to them, progress, and the tables of a task."""
