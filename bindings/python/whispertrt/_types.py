"""What the library hands out, as plain Python values."""

from dataclasses import dataclass
from typing import Any, List, Optional

from . import _abi
from ._memory import elements, text_at


@dataclass(frozen=True)
class Word:
    """A word with its times in seconds and its probability."""

    text: str
    start: float
    end: float
    probability: float


@dataclass(frozen=True)
class Segment:
    """A piece of the transcript. Names are openai/whisper's."""

    #: From 0 within the transcription.
    id: int
    #: Mel frame (10 ms) where its window begins.
    seek: int
    #: Seconds from the beginning of the audio.
    start: float
    #: Seconds from the beginning of the audio.
    end: float
    text: str
    #: Text and timestamp tokens.
    tokens: List[int]
    #: Empty unless word times were asked for.
    words: List[Word]
    temperature: float
    #: Mean log-probability of its window's tokens.
    avg_logprob: float
    #: UTF-8 bytes over zlib bytes of its window's text.
    compression_ratio: float
    #: Probability that its window holds no speech.
    no_speech_prob: float
    #: Whose it is, from 0, with `channels="split"`; else None.
    channel: Optional[int] = None
    #: Code of its window's language.
    language: str = ""


@dataclass(frozen=True)
class LiveText:
    """What a live transcription says next."""

    #: Stable text stays, and follows on the stable text before it; tentative text replaces the last tentative text.
    stable: bool
    #: Its words, with times; `text` may be empty where nothing is tentative any more.
    segment: Segment

    @property
    def text(self) -> str:
        """What was said."""
        return self.segment.text


@dataclass(frozen=True)
class SpeechSpan:
    """A stretch of speech: 16 kHz samples from `start` up to, not including, `end`."""

    start: int
    end: int

    @property
    def start_seconds(self) -> float:
        """Where it begins, in seconds."""
        return self.start / 16000

    @property
    def end_seconds(self) -> float:
        """Where it ends, in seconds."""
        return self.end / 16000


@dataclass(frozen=True)
class Speech:
    """Where speech was found in a recording."""

    #: In order, none overlapping.
    spans: List[SpeechSpan]
    #: Probability of speech of each frame of 512 samples (32 ms).
    probabilities: List[float]
    #: Seconds of audio.
    duration: float


@dataclass(frozen=True)
class Attempt:
    """One attempt at a window. The last attempt at a window is the one that was kept."""

    #: Mel frame (10 ms) where the window begins: the `seek` of its segments.
    seek: int
    temperature: float
    #: Beams searched; 1: none.
    beam_size: int
    #: Candidates sampled, of which this is the likeliest; 1 at temperature 0.
    candidates: int
    #: Mean log-probability of the tokens, the end token included.
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float
    #: Its compression ratio is above `compression_ratio_threshold`.
    too_repetitive: bool
    #: Its average log-probability is below `logprob_threshold`.
    too_unlikely: bool
    #: It is silence: skipped without a segment, and no reason to try again.
    silence: bool
    #: It was decoded over a short window and came to no end token, has a timestamp behind the window's end, leaves next
    #: to nothing to a next one, or there is another reason: the window is decoded anew at full length.
    too_short: bool
    #: Positions of the encoder it was decoded over; 1500: full length.
    audio_context: int
    #: Text and timestamp tokens.
    tokens: List[int]
    #: Whose window it is, from 0, with `channels="split"`; else None.
    channel: Optional[int] = None


@dataclass(frozen=True)
class ModelInfo:
    """What a loaded model is."""

    device: str
    compute_type: str
    cpu_isa: str
    cpu_threads: int
    multilingual: bool
    #: Languages it knows.
    languages: int
    #: Mel bins: 80 or 128.
    mels: int
    #: Positions of the encoder's output.
    audio_context: int
    #: Positions of the decoder.
    text_context: int
    width: int
    heads: int
    encoder_layers: int
    decoder_layers: int
    vocabulary: int
    parameters: int
    #: Bytes the weights take on the device.
    weight_bytes: int
    load_seconds: float
    alignment_heads: int


@dataclass(frozen=True)
class MemoryPlan:
    """What an engine takes in memory, in bytes."""

    #: Rows that the plan holds.
    max_batch: int
    weights: int
    self_kv: int
    cross_kv: int
    workspace: int
    total: int


@dataclass(frozen=True)
class EngineStats:
    """Counters since the engine was made."""

    windows: int
    encoder_batches: int
    steps: int
    #: Rows in all steps: step_rows / steps is the mean batch.
    step_rows: int
    prefill_tokens: int
    encode_seconds: float
    prefill_seconds: float
    step_seconds: float


@dataclass(frozen=True)
class Progress:
    """How much of the audio is done, in seconds; `total` is None while unknown."""

    done: float
    total: "float | None"


def _channel_of(native: Any) -> Optional[int]:
    return None if native.channel < 0 else native.channel


def segment_of(native: _abi.Segment) -> Segment:
    """A copy that outlives the native segment."""
    return Segment(
        id=native.id,
        seek=native.seek,
        start=native.start,
        end=native.end,
        text=text_at(native.text, native.text_size),
        tokens=native.tokens[: native.token_count] if native.token_count else [],
        words=[
            Word(text_at(word.text, word.text_size), word.start, word.end, word.probability)
            for word in elements(native.words, native.word_count)
        ],
        temperature=native.temperature,
        avg_logprob=native.avg_logprob,
        compression_ratio=native.compression_ratio,
        no_speech_prob=native.no_speech_prob,
        channel=_channel_of(native),
        language=text_at(native.language, native.language_size),
    )


def attempt_of(native: _abi.Attempt) -> Attempt:
    """A copy that outlives the native attempt."""
    return copy_of(
        Attempt,
        native,
        too_repetitive=bool(native.verdict & _abi.VERDICT_TOO_REPETITIVE),
        too_unlikely=bool(native.verdict & _abi.VERDICT_TOO_UNLIKELY),
        silence=bool(native.verdict & _abi.VERDICT_SILENCE),
        too_short=bool(native.verdict & _abi.VERDICT_TOO_SHORT),
        tokens=native.tokens[: native.token_count] if native.token_count else [],
        channel=_channel_of(native),
    )


def copy_of(kind: Any, native: Any, **replaced: Any) -> Any:
    """A dataclass of the fields that it shares with a native structure."""
    values = {name: getattr(native, name) for name in kind.__dataclass_fields__ if name not in replaced}
    return kind(**values, **replaced)
