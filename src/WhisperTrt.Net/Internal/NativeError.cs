using System.Runtime.InteropServices;
using WhisperTrt.Interop;

namespace WhisperTrt.Internal;

/// <summary>Turns the library's errors into exceptions.</summary>
internal static unsafe class NativeError
{
    /// <summary>Throws if <paramref name="error"/> is one, and frees it.</summary>
    /// <param name="error">A <c>wtrt_error*</c>; zero is success.</param>
    /// <param name="aboutAudio">Whether a file that is not found is the audio; otherwise it is the model.</param>
    internal static void ThrowIfFailed(nint error, bool aboutAudio = false)
    {
        if (error != 0)
        {
            (WhisperErrorCode code, string message) = Take(error);
            throw ToException(code, message, aboutAudio);
        }
    }

    /// <summary>Reads and frees an error.</summary>
    internal static (WhisperErrorCode Code, string Message) Take(nint error)
    {
        try
        {
            var code = (WhisperErrorCode)NativeMethods.ErrorCode(error);
            return (code, Marshal.PtrToStringUTF8((nint)NativeMethods.ErrorMessage(error)) ?? "");
        }
        finally
        {
            NativeMethods.ErrorRelease(error);
        }
    }

    internal static Exception ToException(WhisperErrorCode code, string message, bool aboutAudio) => code switch
    {
        WhisperErrorCode.InvalidArgument => new InvalidOptionException(message),
        WhisperErrorCode.NotFound => aboutAudio ? new AudioNotFoundException(message) : new ModelNotFoundException(message),
        WhisperErrorCode.Io => new WhisperIOException(message),
        WhisperErrorCode.InvalidAudio => new InvalidAudioException(message),
        WhisperErrorCode.InvalidCheckpoint => new InvalidCheckpointException(message),
        WhisperErrorCode.Unsupported => new UnsupportedException(message),
        WhisperErrorCode.OutOfMemory => new WhisperOutOfMemoryException(message),
        WhisperErrorCode.Busy => new EngineBusyException(message),
        WhisperErrorCode.Closed => new EngineClosedException(message),
        WhisperErrorCode.Cancelled => new OperationCanceledException(message),
        WhisperErrorCode.AbiMismatch => new AbiMismatchException(message),
        WhisperErrorCode.Device => new DeviceException(message),
        _ => new WhisperException(code, message),
    };
}
