"""The commands of the areas: one module each, added to the command line in `switchyard.cli`."""
