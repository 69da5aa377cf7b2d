"""What the stateless tiers have in common: servers, balancers, images, capacity."""
