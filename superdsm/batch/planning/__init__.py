"""What is to be done for each image, and why."""
