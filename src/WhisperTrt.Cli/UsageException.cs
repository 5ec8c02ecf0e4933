namespace WhisperTrt.Cli;

/// <summary>The command line asks for what cannot be done; the message names the option.</summary>
internal sealed class UsageException(string message) : Exception(message);
