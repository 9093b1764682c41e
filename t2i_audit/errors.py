"""The errors a user can cause; the command line turns each into one sentence and exit code 2."""

from t2i_audit.addresses import as_given


class AuditError(Exception):
    """Bad input or a state that the user can put right; one sentence that names the remedy.

    >>> import t2i_audit as t2i
    >>> try:
    ...     t2i.load_run("nowhere")
    ... except t2i.AuditError as error:
    ...     print(error)
    nowhere is no folder; name the folder of a run
    """

    def __str__(self) -> str:
        return as_given(super().__str__())


class ModelError(AuditError):
    """The checkpoint cannot be found, loaded or understood."""


class SuiteError(AuditError):
    """A prompt suite cannot be read or used."""


class JudgeError(AuditError):
    """A judge cannot be loaded, or reads nothing in the images."""


class LabelError(AuditError):
    """A file of labels cannot be read, or holds no labels of the images in question."""


class RunDirectoryError(AuditError):
    """The run directory holds something else, or cannot be written."""
