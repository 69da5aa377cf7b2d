"""Benchmarks; docs/benchmarks/ names what is measured, how, and against whom."""
