"""The console: a page that shows workflows, executions, models and endpoints of whatever speaks AWS's APIs."""
