"""Recipes: their model, how they are read, and what a run may change in them."""
