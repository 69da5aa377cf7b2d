"""Code that AWS runs: one package for each function, and what the packages share."""
