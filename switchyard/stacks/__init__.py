"""CloudFormation stacks: what a change would do to them, done, and followed to its end."""
