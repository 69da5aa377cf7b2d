"""The logs of a Region, kept when what wrote them is rebuilt."""
