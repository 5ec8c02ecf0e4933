using System.Runtime.InteropServices;

namespace WhisperTrt.Cli;

internal static class Program
{
    private static async Task<int> Main(string[] args)
    {
        if (args is ["transcribe" or "listen" or "eval" or "info" or "doctor" or "quantize", ..])
        {
            PreloadNativeLibrary();
        }

        // The other verbs have no clean end to ask for, and leave nothing behind: a signal does there what it does to any program. A quantization,
        // of seconds, rather ends.
        if (args is not ["transcribe" or "listen" or "eval" or "quantize", ..])
        {
            return await CommandLine.RunAsync(args, Terminal.OfProcess(), CancellationToken.None).ConfigureAwait(false);
        }

        using CancellationTokenSource interrupted = new();
        long firstSignal = 0;
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        return await CommandLine.RunAsync(args, Terminal.OfProcess(), interrupted.Token).ConfigureAwait(false);

        void Stop(PosixSignalContext context)
        {
            // The first asks for a clean end; a later one means it. Programs around this one (timeout, npm) send a single interrupt twice.
            long now = Environment.TickCount64;
            long first = Interlocked.CompareExchange(ref firstSignal, now, 0);
            context.Cancel = first == 0 || now - first < 1000;
            if (first == 0)
            {
                interrupted.Cancel();
            }
        }
    }

    /// <summary>Opening the native library takes as long as reading the command line: both at once.</summary>
    private static void PreloadNativeLibrary() => ThreadPool.UnsafeQueueUserWorkItem(
        static _ =>
        {
            try
            {
                WhisperDoctor.EnsureNativeLibrary();
            }
            catch (Exception error) when (error is DllNotFoundException or WhisperException)
            {
                // Reported by whoever needs it.
            }
        },
        null);
}
