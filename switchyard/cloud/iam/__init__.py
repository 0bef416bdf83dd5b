"""Permissions: who may call what, decided and recorded as AWS IAM does it."""
