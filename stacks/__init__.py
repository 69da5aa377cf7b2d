"""Units of deployment: which constructs stand together, and how they are joined."""
