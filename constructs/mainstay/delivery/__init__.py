"""The roles that may deploy from outside of AWS."""
