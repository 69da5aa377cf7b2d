"""The database tier: four stores by access pattern, their copies, and the time-delayed replica."""
