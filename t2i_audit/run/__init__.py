"""The run directory: what lies in it, how it is written, and how an interrupted run goes on."""
