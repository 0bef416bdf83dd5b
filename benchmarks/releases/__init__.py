"""Releases under load: every strategy to its end, taken back at every step, and with candidates that are no good."""
