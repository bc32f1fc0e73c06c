"""Benchmarks: `python -m bench`. Tests make no assertions about speed; the benchmarks record it."""
