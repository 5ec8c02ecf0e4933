"""The device acts one by one."""

from typing import Any, Sequence, Tuple

from . import _abi
from ._memory import flat_floats, int32_array, integer, matrix
from ._types import ModelInfo

#: Mel frames of a window.
FRAMES = 3000


class Session:
    """One window and one decode row, for research and parity tests. Not for several threads at a time.

    The order of acts is encode(), project_cross_kv(), prefill(), step(), step(), …
    Matrices are float32: numpy arrays where numpy is installed, else memoryviews of that shape.
    """

    def __init__(self, library: _abi.Library, model: _abi.ModelHandle, info: ModelInfo) -> None:
        self._library = library
        self._info = info
        self._handle = library.session_create(model)

    def encode(self, mel: Any, output: bool = True) -> Any:
        """Encodes a window of log-mel [mels, 3000]; returns [audio_context, width], or None without `output`."""
        native = flat_floats(mel, (self._info.mels, FRAMES), "mel")
        memory, result = matrix((self._info.audio_context, self._info.width)) if output else (None, None)
        self._library.encode(self._handle, native, memory)
        return result

    def project_cross_kv(self) -> None:
        """Computes every decoder layer's cross-attention keys and values of the encoded window."""
        self._library.project_cross_kv(self._handle)

    def prefill(self, tokens: Sequence[int], logits: bool = True) -> Any:
        """Starts a row with these tokens; returns the logits [len(tokens), vocabulary], or None without `logits`."""
        native = int32_array("tokens", tokens)
        memory, result = matrix((len(native), self._info.vocabulary)) if logits and len(native) else (None, None)
        self._library.prefill(self._handle, native, len(native), memory)
        return result

    def step(self, token: int, logits: bool = True) -> Any:
        """Appends one token to the row; returns the logits [vocabulary], or None without `logits`."""
        memory, result = matrix((self._info.vocabulary,)) if logits else (None, None)
        self._library.step(self._handle, integer("token", token), memory)
        return result

    def align(self, tokens: Sequence[int]) -> Tuple[Any, Any]:
        """Forces these tokens on the window and ends the row: what word times are made from.

        Returns the alignment heads' cross-attention before the softmax [alignment_heads, len(tokens), audio_context], and each
        token's probability after those before it, among text tokens [len(tokens)]: 0 of the first and of special ones.
        """
        native = int32_array("tokens", tokens)
        shape = (self._info.alignment_heads, max(1, len(native)), self._info.audio_context)
        score_memory, scores = matrix(shape)
        probability_memory, probabilities = matrix((max(1, len(native)),))
        self._library.align(self._handle, native, len(native), score_memory, probability_memory)
        return scores, probabilities

    def close(self) -> None:
        """Gives its memory back. Idempotent."""
        self._handle.close()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()
