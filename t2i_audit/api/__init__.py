"""The Python API: what the commands do, as functions that return typed results.

``import t2i_audit as t2i`` gives these functions. Errors that a user can put right are
`t2i.AuditError`, with the sentences of the command line.
"""
