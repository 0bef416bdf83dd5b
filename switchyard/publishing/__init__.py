"""Puts recipes, code and data where AWS, or the local cloud, finds them."""
