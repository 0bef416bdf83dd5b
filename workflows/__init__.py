"""The state machines: one module each, with the Amazon States Language that it renders to beside it.

Only this folder imports the stepfunctions SDK, and only to render; nothing at run time needs it.
"""
