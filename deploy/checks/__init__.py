"""The checks before a deploy, one concern per file; each yields problems, or that it was unmade."""
