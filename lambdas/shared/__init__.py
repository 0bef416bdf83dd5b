"""What more than one function needs: observability, errors, the gate, and thin views of S3 and SageMaker."""
