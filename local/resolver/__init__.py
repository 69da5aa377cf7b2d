"""Holds the name server of a task, found by its own folder on the task's path."""
