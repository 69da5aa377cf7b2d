"""The archive engine: EBS snapshots through the EBS direct APIs into a bucket, and back."""
