"""Hyperparameter tuning: which values are tried, and the job that tries them."""
