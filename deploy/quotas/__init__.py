"""Checks the account's quotas against what the environment needs, beside what is there already."""
