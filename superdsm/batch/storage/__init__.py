"""What is there: results by key, the journal of each task, digests of images, and the lock of a task."""
