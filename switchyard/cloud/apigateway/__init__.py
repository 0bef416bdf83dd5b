"""API Gateway: REST APIs of a template, answered on the cloud's port."""
