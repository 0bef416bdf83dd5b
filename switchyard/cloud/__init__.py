"""The local cloud: one process and one port that answer as AWS does, and run the work for real."""
