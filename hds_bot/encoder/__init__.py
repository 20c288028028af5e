"""Text to unit vectors, in two forms of one model.

The reference form goes through sentence-transformers and takes any model; the serving form is compiled from
the default model and needs onnxruntime and `tokenizers` alone. Both give the same vectors.
"""

from hds_bot.encoder.identity import DEFAULT, identity
from hds_bot.encoder.reference import reference_encoder
from hds_bot.encoder.serving import compile_serving, open_serving, serving_available

__all__ = [
    "DEFAULT",
    "compile_serving",
    "identity",
    "open_serving",
    "reference_encoder",
    "serving_available",
]
