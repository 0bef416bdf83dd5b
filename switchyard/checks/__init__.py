"""Finds what is wrong in a project before anything is deployed."""
