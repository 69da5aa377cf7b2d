"""Who may deploy, from outside of AWS."""
