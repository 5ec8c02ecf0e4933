namespace WhisperTrt.Cli;

/// <summary>Where the program writes. Lines of one writer are whole, whoever writes them.</summary>
internal sealed class Terminal(TextWriter output, TextWriter error, bool outputIsTerminal, bool errorIsTerminal)
{
    private readonly Lock gate = new();

    internal bool OutputIsTerminal { get; } = outputIsTerminal;

    internal bool ErrorIsTerminal { get; } = errorIsTerminal;

    /// <summary>Characters in a line.</summary>
    internal int Width => OutputIsTerminal && !Console.IsOutputRedirected ? Console.WindowWidth : 80;

    internal TextWriter Output { get; } = output;

    internal TextWriter Error { get; } = error;

    internal static Terminal OfProcess() => new(Console.Out, Console.Error, !Console.IsOutputRedirected, !Console.IsErrorRedirected);

    internal void Write(string text)
    {
        lock (gate)
        {
            Output.Write(text);
            Output.Flush();
        }
    }

    internal void WriteLine(string line) => Write(line + "\n");

    /// <summary>Writes lines of standard error while a progress bar stands there.</summary>
    internal Action<string>? ErrorLines { get; set; }

    internal void Complain(string line)
    {
        lock (gate)
        {
            if (ErrorLines is { } above)
            {
                above(line);
                return;
            }

            Error.Write(line + "\n");
            Error.Flush();
        }
    }
}
