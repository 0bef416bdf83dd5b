"""What Switchyard costs beside running the same scripts by hand: `python -m benchmarks`."""
