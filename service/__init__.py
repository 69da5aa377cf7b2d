"""The default image of the app tier: what serves, and what operates its stores."""
