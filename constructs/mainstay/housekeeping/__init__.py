"""Does by a clock, or watches by an alarm, what somebody would have to remember."""
