"""The errors a user can cause; the command line turns each into one sentence and exit code 2."""


class AuditError(Exception):
    """Bad input or a state the user can mend; its text is one clear sentence with the mend."""


class ModelError(AuditError):
    """The checkpoint cannot be found, loaded or understood."""


class SuiteError(AuditError):
    """A prompt suite cannot be read or used."""


class JudgeError(AuditError):
    """A judge cannot be loaded, or reads nothing in the images."""


class RunDirectoryError(AuditError):
    """The run directory holds something else, or cannot be written."""
