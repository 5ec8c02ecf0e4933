namespace WhisperTrt.Cli;

/// <summary>What the process ends with; part of the command line's contract.</summary>
internal static class ExitCode
{
    /// <summary>Everything asked for was done.</summary>
    internal const int Ok = 0;

    /// <summary>Some file failed and the others were done, or what was found could not be written.</summary>
    internal const int SomeFailed = 1;

    /// <summary>The command line is wrong, or asks for what is not honoured yet.</summary>
    internal const int Usage = 2;

    /// <summary>The model, or the native library, could not be loaded.</summary>
    internal const int NoModel = 3;

    /// <summary>Interrupted.</summary>
    internal const int Interrupted = 130;
}
