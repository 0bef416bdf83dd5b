"""The algorithms that images bring along: what runs in a container that is given no script."""
