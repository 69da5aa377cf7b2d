"""Snapshots of EBS volumes on a schedule: taken, copied to a second Region, kept by policy.

A volume is in when it carries the tag `mainstay:snapshots`, whose value names its series. What was
done is read from the tags of the snapshots themselves, and nowhere else: a run that was cut off is
made up for by the next one.
"""
