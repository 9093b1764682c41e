"""Synthetic task families with known constituents: what a probe must find, and what not.

The packages build on each other in this order: `tasks`, `students`, `training`, `evaluation`,
`report`, `experiments`. `experiments.validate.validate`, `experiments.sweep.sweep` and `merge`, and
`experiments.one_student.train_one` are the commands as functions; each returns a frozen result.
"""
