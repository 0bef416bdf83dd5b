"""SageMaker that really runs: jobs and endpoints are processes, channels and artifacts are in S3."""
