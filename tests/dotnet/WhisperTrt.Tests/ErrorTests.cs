using WhisperTrt.Internal;

namespace WhisperTrt.Tests;

public sealed class ErrorTests
{
    [Theory]
    [InlineData(WhisperErrorCode.InvalidArgument, typeof(InvalidOptionException))]
    [InlineData(WhisperErrorCode.Io, typeof(WhisperIOException))]
    [InlineData(WhisperErrorCode.InvalidAudio, typeof(InvalidAudioException))]
    [InlineData(WhisperErrorCode.InvalidCheckpoint, typeof(InvalidCheckpointException))]
    [InlineData(WhisperErrorCode.Unsupported, typeof(UnsupportedException))]
    [InlineData(WhisperErrorCode.OutOfMemory, typeof(WhisperOutOfMemoryException))]
    [InlineData(WhisperErrorCode.Busy, typeof(EngineBusyException))]
    [InlineData(WhisperErrorCode.Closed, typeof(EngineClosedException))]
    [InlineData(WhisperErrorCode.AbiMismatch, typeof(AbiMismatchException))]
    [InlineData(WhisperErrorCode.Device, typeof(DeviceException))]
    [InlineData(WhisperErrorCode.Internal, typeof(WhisperException))]
    [InlineData((WhisperErrorCode)77, typeof(WhisperException))]
    public void Every_code_has_its_exception(WhisperErrorCode code, Type expected)
    {
        var error = (WhisperException)NativeError.ToException(code, "why", aboutAudio: false);
        Assert.IsType(expected, error);
        Assert.Equal(code, error.Code);
        Assert.Equal("why", error.Message);
    }

    [Fact]
    public void What_is_not_found_is_the_model_or_the_audio()
    {
        Assert.IsType<ModelNotFoundException>(NativeError.ToException(WhisperErrorCode.NotFound, "", aboutAudio: false));
        Assert.IsType<AudioNotFoundException>(NativeError.ToException(WhisperErrorCode.NotFound, "", aboutAudio: true));
    }

    [Fact]
    public void Cancelled_work_is_a_cancellation() =>
        Assert.IsType<OperationCanceledException>(NativeError.ToException(WhisperErrorCode.Cancelled, "", aboutAudio: false));
}
