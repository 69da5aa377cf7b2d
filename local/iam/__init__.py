"""Judges a call of AWS's APIs as IAM does: policies in, a verdict out, and no target known."""
