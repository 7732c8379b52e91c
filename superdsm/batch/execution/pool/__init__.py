"""Worker processes: how they are kept busy, what happens when one ends, and how all of them are ended."""
