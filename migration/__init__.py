"""The chain that was before: a real Apache in front of a plain nginx, compared with the edge."""
