"""What is measured, how, and against whom: docs/benchmarks/."""
