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

        using CancellationTokenSource interrupted = new();
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        return await CommandLine.RunAsync(args, Terminal.OfProcess(), interrupted.Token).ConfigureAwait(false);

        void Stop(PosixSignalContext context)
        {
            // The first asks for a clean end; a second one means it.
            if (!interrupted.IsCancellationRequested)
            {
                context.Cancel = true;
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
