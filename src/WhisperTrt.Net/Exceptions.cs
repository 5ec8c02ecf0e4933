namespace WhisperTrt;

/// <summary>Why a call failed.</summary>
public enum WhisperErrorCode
{
    /// <summary>An argument or option is outside its range.</summary>
    InvalidArgument = 1,

    /// <summary>A file, model or name does not exist.</summary>
    NotFound = 2,

    /// <summary>The operating system could not read or write.</summary>
    Io = 3,

    /// <summary>The bytes are no audio that can be decoded.</summary>
    InvalidAudio = 4,

    /// <summary>A model file is damaged or not what it claims to be.</summary>
    InvalidCheckpoint = 5,

    /// <summary>Understood, but this build, chip or version cannot do it.</summary>
    Unsupported = 6,

    /// <summary>Memory, or the cap set on it, does not suffice.</summary>
    OutOfMemory = 7,

    /// <summary>The engine's queue is full.</summary>
    Busy = 8,

    /// <summary>The engine was closed.</summary>
    Closed = 9,

    /// <summary>The work was cancelled.</summary>
    Cancelled = 10,

    /// <summary>Library and binding are of different ABI versions.</summary>
    AbiMismatch = 11,

    /// <summary>A defect of the library itself.</summary>
    Internal = 12,

    /// <summary>The GPU failed or was lost.</summary>
    Device = 13,
}

/// <summary>The native library reported an error. Its subclasses say which kind.</summary>
/// <remarks>Cancelled work does not end in this exception but in <see cref="OperationCanceledException"/>.</remarks>
public class WhisperException : Exception
{
    /// <summary>Makes an exception.</summary>
    /// <param name="code">Why the call failed.</param>
    /// <param name="message">What failed, the value found and the remedy.</param>
    /// <param name="innerException">What it came from, if known.</param>
    public WhisperException(WhisperErrorCode code, string message, Exception? innerException = null)
        : base(message, innerException) => Code = code;

    /// <summary>Why the call failed.</summary>
    public WhisperErrorCode Code { get; }
}

/// <summary>An option is outside its range; the message names it and the range.</summary>
/// <param name="message">What failed, the value found and the remedy.</param>
public sealed class InvalidOptionException(string message) : WhisperException(WhisperErrorCode.InvalidArgument, message);

/// <summary>The model does not exist; the message lists where it was looked for.</summary>
/// <param name="message">What failed, the value found and the remedy.</param>
public sealed class ModelNotFoundException(string message) : WhisperException(WhisperErrorCode.NotFound, message);

/// <summary>The audio file does not exist.</summary>
/// <param name="message">What failed, the value found and the remedy.</param>
public sealed class AudioNotFoundException(string message) : WhisperException(WhisperErrorCode.NotFound, message);

/// <summary>The operating system could not read or write.</summary>
/// <param name="message">What failed, the value found and the remedy.</param>
public sealed class WhisperIOException(string message) : WhisperException(WhisperErrorCode.Io, message);

/// <summary>The bytes are no audio that can be decoded.</summary>
/// <param name="message">What failed, the value found and the remedy.</param>
public sealed class InvalidAudioException(string message) : WhisperException(WhisperErrorCode.InvalidAudio, message);

/// <summary>A model file is damaged or not what it claims to be; the message names the field.</summary>
/// <param name="message">What failed, the value found and the remedy.</param>
public sealed class InvalidCheckpointException(string message) : WhisperException(WhisperErrorCode.InvalidCheckpoint, message);

/// <summary>Understood, but this build, chip or version cannot do it; the message says what would.</summary>
/// <param name="message">What failed, the value found and the remedy.</param>
public sealed class UnsupportedException(string message) : WhisperException(WhisperErrorCode.Unsupported, message);

/// <summary>Memory, or the cap set on it, does not suffice.</summary>
/// <param name="message">What failed, the value found and the remedy.</param>
public sealed class WhisperOutOfMemoryException(string message) : WhisperException(WhisperErrorCode.OutOfMemory, message);

/// <summary>The engine's queue is full; try again later or raise <see cref="EngineOptions.MaxQueuedJobs"/>.</summary>
/// <param name="message">What failed, the value found and the remedy.</param>
public sealed class EngineBusyException(string message) : WhisperException(WhisperErrorCode.Busy, message);

/// <summary>The engine was disposed while the transcription ran, or samples were pushed to one that has ended.</summary>
/// <param name="message">What failed, the value found and the remedy.</param>
public sealed class EngineClosedException(string message) : WhisperException(WhisperErrorCode.Closed, message);

/// <summary>The GPU failed or was lost: the work it had is lost, and its models must be loaded anew.</summary>
/// <param name="message">What failed, the value found and the remedy.</param>
public sealed class DeviceException(string message) : WhisperException(WhisperErrorCode.Device, message);

/// <summary>The native library found is of another ABI version than this assembly.</summary>
/// <param name="message">What failed, the value found and the remedy.</param>
public sealed class AbiMismatchException(string message) : WhisperException(WhisperErrorCode.AbiMismatch, message);
