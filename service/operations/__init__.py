"""Commands on the databases: tested steps over SQL, run as one-off tasks of the service's image.

Each command looks first and does only what is missing, so that it can be killed at any statement
and run again; with `dry_run` it prints the statements and changes nothing. `python -m
service.operations` is the command line.
"""
