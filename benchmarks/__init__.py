"""What is measured, and against what: `make bench` writes benchmarks/RESULTS.md."""
