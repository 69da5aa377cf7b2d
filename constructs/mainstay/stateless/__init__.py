"""The common parts of the stateless tiers: servers, balancers, images, capacity."""
