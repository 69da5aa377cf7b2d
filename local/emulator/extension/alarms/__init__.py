"""Alarms evaluated as CloudWatch does it: periods, dimensions, missing data, metric math."""
