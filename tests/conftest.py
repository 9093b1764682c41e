"""What every test starts with."""

from t2i_audit.spinning import bound_spinning

# Before a test imports torch, so that tests do not crawl beside other work.
bound_spinning()
