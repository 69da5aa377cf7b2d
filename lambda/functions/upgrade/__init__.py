"""What the states of an upgrade do: each act may be run again, and is told when to be."""
