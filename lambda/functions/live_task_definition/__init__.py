"""Keeps the image that operations released when a deploy changes a task's shape."""
