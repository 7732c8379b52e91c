"""The report of a batch: one page on which one sees what is good, what is doubtful, and what failed."""
