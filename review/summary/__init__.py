"""What a synth ends with: the environment on one page."""
