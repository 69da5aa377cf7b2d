"""Traps that CloudFormation springs at deploy time, or never, caught when templates are made."""
