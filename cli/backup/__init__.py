"""`mainstay backup`: archives of snapshots and portable dumps, made, proven and restored."""
