"""Publishes the age of the newest archive, dump, export and proof, read from the buckets."""
