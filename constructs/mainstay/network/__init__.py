"""The network of a Region: zones, tiers, egress, and the link to the other Region."""
