using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using WhisperTrt.Internal;
using WhisperTrt.Interop;

namespace WhisperTrt;

/// <summary>Where the native library's log lines go. One for the process.</summary>
public static unsafe class WhisperLog
{
    private static ILogger? current;

    /// <summary>Sends log lines to a logger.</summary>
    /// <param name="logger">
    /// The logger; <see langword="null"/> silences. It is called on threads of the library, must not wait for long and must not dispose an engine.
    /// </param>
    /// <param name="minimumLevel">Lines below it are not made.</param>
    public static void SetLogger(ILogger? logger, LogLevel minimumLevel = LogLevel.Information)
    {
        NativeLoader.EnsureLoaded();
        Volatile.Write(ref current, logger);

        // The sink is one function for the process and never goes away, so that a line on its way can always arrive.
        nint error = logger is null || minimumLevel == LogLevel.None
            ? NativeMethods.SetLogSink(null, null, (int)NativeLog.Error)
            : NativeMethods.SetLogSink(&Sink, null, ToNative(minimumLevel));
        NativeError.ThrowIfFailed(error);
    }

    internal static void Report(Exception error, string text) =>
        Volatile.Read(ref current)?.Log(LogLevel.Warning, default, text, error, static (line, _) => line);

    private static int ToNative(LogLevel level) => (int)(level switch
    {
        <= LogLevel.Debug => NativeLog.Debug,
        LogLevel.Information => NativeLog.Info,
        LogLevel.Warning => NativeLog.Warning,
        _ => NativeLog.Error,
    });

    private static LogLevel FromNative(int level) => (NativeLog)level switch
    {
        NativeLog.Debug => LogLevel.Debug,
        NativeLog.Info => LogLevel.Information,
        NativeLog.Warning => LogLevel.Warning,
        _ => LogLevel.Error,
    };

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Sink(void* context, int level, byte* text, long size)
    {
        try
        {
            ILogger? logger = Volatile.Read(ref current);
            LogLevel logLevel = FromNative(level);
            if (logger is not null && logger.IsEnabled(logLevel))
            {
                logger.Log(logLevel, default, Utf8.Read(text, size), null, static (line, _) => line);
            }
        }
#pragma warning disable CA1031 // an exception that crossed into native code would end the process
        catch (Exception)
#pragma warning restore CA1031
        {
        }
    }
}
