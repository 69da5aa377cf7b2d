"""mainstay-backup: archives and restores, for people and for programs."""
