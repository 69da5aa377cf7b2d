"""What somebody would have to remember: done by a clock, or watched by an alarm."""
