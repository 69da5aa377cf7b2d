"""The one construct of the migration, which a stack of its own holds while it lasts."""
