"""How old the newest archive, dump, export and proof of each kind is, read from the buckets."""
