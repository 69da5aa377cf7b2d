"""`make upgrade`: the eight-step upgrade on one machine, under load, with the proof of it."""
