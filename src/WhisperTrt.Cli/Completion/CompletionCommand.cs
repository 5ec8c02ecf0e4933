using System.CommandLine;

namespace WhisperTrt.Cli;

/// <summary><c>whispertrt completion SHELL</c>: the script that a shell loads; and <c>complete</c>, which the scripts call.</summary>
internal static class CompletionCommand
{
    internal static Command Create(Terminal terminal)
    {
        Argument<string> shell = new("shell") { Description = "bash, zsh or pwsh", HelpName = "bash|zsh|pwsh" };
        Command command = new("completion", "Print the script that completes whispertrt in a shell.") { shell };
        command.SetAction(result =>
        {
            terminal.Write(result.GetValue(shell) switch
            {
                "bash" => CompletionScripts.Bash,
                "zsh" => CompletionScripts.Zsh,
                "pwsh" => CompletionScripts.PowerShell,
                var other => throw new UsageException($"completion: '{other}' is not one of bash, zsh, pwsh."),
            });
            return ExitCode.Ok;
        });
        return command;
    }

    /// <param name="terminal">Receives a completion per line.</param>
    /// <param name="root">The whole command line.</param>
    /// <param name="words">What was typed after the program's name.</param>
    internal static Command CreateCallback(Terminal terminal, Command root, IReadOnlyList<string> words)
    {
        Argument<string[]> typed = new("words") { Arity = ArgumentArity.ZeroOrMore };
        Command command = new("complete", "Say what may come next; called by the scripts of completion.") { typed };
        command.Hidden = true;
        command.SetAction(_ =>
        {
            terminal.Write(string.Concat(Completion.Suggest(root, words).Select(word => word + "\n")));
            return ExitCode.Ok;
        });
        return command;
    }
}
