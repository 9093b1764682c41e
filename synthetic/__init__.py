"""Synthetic task families whose constituents are known: what the probe must find, and what not.

`synthetic.validate.validate`, `synthetic.sweep.sweep` and `merge`, `synthetic.single.train_one` and
`synthetic.construction.report` are the commands as functions; each returns a frozen result.
"""
