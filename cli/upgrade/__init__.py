"""`mainstay-upgrade` and `mainstay-mode`: what a person says to an environment's control."""
