"""Executions: started, followed, shown, and read again later."""
