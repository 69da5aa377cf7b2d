"""What an environment costs a month, from its own templates and one dated list of prices."""
