"""`mainstay`: the one command line of people who run it."""
