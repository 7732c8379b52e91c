"""What is there: results by key, the journal of each task, digests of images, locks, and what workers tell."""
