"""The rules of SageMaker's built-in algorithms: what the local cloud goes by, and what recipes are checked against."""
