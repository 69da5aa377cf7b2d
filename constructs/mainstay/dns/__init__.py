"""Global DNS: the zone, the Regions' records in it, and how a Region leaves it."""
