"""What was done: the images of a task for those who read results, and its tables."""
