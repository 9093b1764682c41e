"""What the manual already names and other branches are still to bring.

Every entry is checked to be missing, so an entry that has arrived fails a test until it is removed.
"""

PENDING_MODULES = frozenset(
    {
        "t2i_audit/activations/denoiser/attention.py",
        "t2i_audit/activations/denoiser/layout.py",
        "t2i_audit/activations/denoiser/recorder.py",
        "t2i_audit/activations/random_weights.py",
        "t2i_audit/activations/text/encode.py",
        "t2i_audit/activations/text/positions.py",
        "t2i_audit/judges/base.py",
        "t2i_audit/pipelines/",
        "t2i_audit/pipelines/families.py",
        "t2i_audit/pipelines/workarounds.py",
        "synthetic/evaluation/",
        "synthetic/options.py",
        "synthetic/presets.py",
        "synthetic/records.py",
        "synthetic/tasks/",
        "synthetic/tasks/base.py",
        "synthetic/tasks/make.py",
        "tests/synthetic/test_tasks.py",
    }
)
PENDING_COMMANDS = frozenset({"doctor", "judge"})
PYTHON_API_IS_PENDING = True
