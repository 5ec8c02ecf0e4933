using System.CommandLine;
using System.CommandLine.Parsing;

namespace WhisperTrt.Cli;

/// <summary>The command line as a whole: its verbs, its errors, its exit codes.</summary>
internal static class CommandLine
{
    internal static Task<int> RunAsync(string[] args, Terminal terminal, CancellationToken cancellationToken) =>
        RunAsync(args, terminal, (settings, token) => Transcriber.RunAsync(settings, terminal, token), cancellationToken);

    internal static async Task<int> RunAsync(
        string[] args, Terminal terminal, Func<TranscribeSettings, CancellationToken, Task<int>> transcribe, CancellationToken cancellationToken)
    {
        ParseResult parsed = Parse(args, transcribe, terminal);
        if (parsed.Errors.Count > 0)
        {
            return Refuse(parsed, terminal);
        }

        InvocationConfiguration configuration = new()
        {
            Output = terminal.Output,
            Error = terminal.Error,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null,
        };
        try
        {
            RefuseEmptyNames(parsed.CommandResult);
            return await parsed.InvokeAsync(configuration, cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            terminal.Complain("whispertrt: interrupted");
            return ExitCode.Interrupted;
        }
        catch (Exception error) when (ExitCodeOf(error) is { } code)
        {
            terminal.Complain($"whispertrt: {error.Message}");
            return code;
        }
    }

    private static ParseResult Parse(string[] args, Func<TranscribeSettings, CancellationToken, Task<int>> transcribe, Terminal terminal)
    {
        RootCommand root = new("Speech to text. Exit codes: 0 done; 1 some file failed; 2 wrong usage; 3 no model or native library; 130 interrupted.");
        root.Directives.Clear();

        int end = Array.IndexOf(args, "--");
        string[] options = end < 0 ? args : args[..end];
        string[] literal = end < 0 ? [] : args[(end + 1)..];
        (string Name, Func<Command> Create)[] verbs =
        [
            ("transcribe", () => TranscribeCommand.Create(transcribe, literal)),
            ("listen", () => ListenCommand.Create(terminal)),
            ("eval", () => EvalCommand.Create(terminal)),
            ("vad", () => VadCommand.Create(terminal)),
            ("info", () => InfoCommand.Create(terminal)),
            ("doctor", () => DoctorCommand.Create(terminal)),
            ("bench", () => BenchCommand.Create(terminal)),
            ("quantize", () => QuantizeCommand.Create(terminal)),
            ("completion", () => CompletionCommand.Create(terminal)),
        ];

        // Only the verb that is asked for is put together: start-up counts.
        string asked = args.FirstOrDefault(argument => !argument.StartsWith('-')) ?? "";
        bool all = !verbs.Any(verb => verb.Name == asked);
        foreach ((string name, Func<Command> create) in verbs)
        {
            if (all || name == asked)
            {
                root.Subcommands.Add(create());
            }
        }

        if (asked == "complete")
        {
            root.Subcommands.Add(CompletionCommand.CreateCallback(terminal, root, literal));
        }

        // A file may be called @name, and -fsrt is no bundle of switches.
        ParserConfiguration configuration = new() { ResponseFileTokenReplacer = null, EnablePosixBundling = false };
        HashSet<string> names = [.. root.Subcommands.SelectMany(command => command.Options).Select(option => option.Name)];
        string[] spelt = [.. options.SelectMany(argument => Spell(argument, names)), .. args[options.Length..]];
        return CommandLineParser.Parse(root, args.Length == 0 ? ["--help"] : spelt, configuration);
    }

    /// <summary>
    /// Options as the parser knows them: <c>--output-dir</c> is <c>--output_dir</c>, and an empty value stands by itself, since the parser
    /// takes <c>--name=</c> for an option without one.
    /// </summary>
    private static string[] Spell(string argument, HashSet<string> names)
    {
        if (!argument.StartsWith("--", StringComparison.Ordinal))
        {
            return [argument];
        }

        int equals = argument.IndexOf('=', StringComparison.Ordinal);
        string name = equals < 0 ? argument : argument[..equals];
        string snake = string.Concat("--", name.AsSpan(2).ToString().Replace('-', '_'));
        if (!names.Contains(snake))
        {
            return [argument];
        }

        return equals < 0 ? [snake] : [snake, argument[(equals + 1)..]];
    }

    private static int Refuse(ParseResult parsed, Terminal terminal)
    {
        foreach (ParseError error in parsed.Errors)
        {
            terminal.Complain($"whispertrt: {error.Message}");
        }

        string command = parsed.CommandResult.Command is RootCommand ? "" : $" {parsed.CommandResult.Command.Name}";
        terminal.Complain($"whispertrt: see whispertrt{command} --help");
        return ExitCode.Usage;
    }

    /// <summary>A file or a model without a name is a script's variable that is not set. What completion is asked about may be empty.</summary>
    private static void RefuseEmptyNames(CommandResult command)
    {
        foreach (ArgumentResult argument in command.Children.OfType<ArgumentResult>())
        {
            if (argument.Tokens.Any(token => token.Value.Length == 0) && !command.Command.Hidden)
            {
                throw new UsageException($"{command.Command.Name}: <{argument.Argument.Name}> is empty; give a name.");
            }
        }
    }

    private static int? ExitCodeOf(Exception error) => error switch
    {
        UsageException or InvalidOptionException => ExitCode.Usage,
        DllNotFoundException or WhisperException => ExitCode.NoModel,
        IOException or UnauthorizedAccessException => ExitCode.SomeFailed,
        _ => null,
    };
}
