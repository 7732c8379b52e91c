"""What is asked for: from a tree of task.json files to tasks that are ready to run."""
