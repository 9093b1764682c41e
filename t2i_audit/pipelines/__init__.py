"""What is known of diffusers pipelines: components, text encoders, calls, and library workarounds.

`t2i_audit.pipelines.adapter` asks a pipeline everything once; all other packages read the answers
from ``loaded.adapter``.
"""
