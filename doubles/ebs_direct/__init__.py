"""The EBS direct APIs, and the S3 beside them, strict and with faults, on one machine.

moto's `ebs` omits blocks that are new in a second snapshot and ignores checksums, tokens and
paging, so nothing incremental can be proven on it.
"""
