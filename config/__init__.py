"""The values that differ between environments, typed and validated before any construct is made."""
