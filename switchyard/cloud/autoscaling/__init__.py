"""Application Auto Scaling: the instances of endpoint variants follow their load."""
