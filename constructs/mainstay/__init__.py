"""The parts of the system, one folder each; every construct owns its resources and their grants."""
