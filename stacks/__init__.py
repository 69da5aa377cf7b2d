"""Units of deployment: the one kind of stack there is, and the composition that makes them."""
