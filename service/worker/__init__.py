"""The worker: drains the Region's queue of audit events into the transaction store."""
