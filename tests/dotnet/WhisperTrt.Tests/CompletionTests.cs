using System.Diagnostics;
using WhisperTrt.Cli;

namespace WhisperTrt.Tests;

/// <summary>Completion in shells: what is suggested, and that the scripts ask for it.</summary>
public sealed class CompletionTests
{
    [Theory]
    [InlineData("", "transcribe listen eval vad info doctor bench quantize completion --help --version")]
    [InlineData("tr", "transcribe")]
    [InlineData("transcribe|--output_", "--output_dir --output_format")]
    [InlineData("transcribe|a.wav|--task|", "transcribe translate")]
    [InlineData("transcribe|-f|", "txt vtt srt tsv json all lrc")]
    [InlineData("transcribe|--verbose|F", "False")]
    [InlineData("transcribe|--beam_size|", "None")]
    [InlineData("listen|--ba", "")]
    [InlineData("listen|--ch", "")]
    [InlineData("listen|--audio", "")]
    [InlineData("listen|--language_", "")]
    [InlineData("eval|--js", "--json")]
    [InlineData("eval|--output_", "")]
    [InlineData("bench|--tera_", "--tera_flops --tera_bytes")]
    [InlineData("bench|--random|large", "large-v1 large-v2 large-v3")]
    [InlineData("completion|", "bash zsh pwsh")]
    [InlineData("transcribe|", "")]
    [InlineData("transcribe|--model|", "")]
    [InlineData("nonsense|--", "")]
    public async Task Suggestions_are_what_may_come_next(string words, string expected)
    {
        using StringWriter output = new();
        int code = await CommandLine.RunAsync(
            ["complete", "--", .. words.Split('|')], new Terminal(output, TextWriter.Null, false, false), CancellationToken.None);
        Assert.Equal(ExitCode.Ok, code);
        Assert.Equal(expected.Split(' ', StringSplitOptions.RemoveEmptyEntries), output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public async Task A_shell_that_is_not_known_is_refused_and_complete_is_not_advertised()
    {
        using StringWriter output = new();
        using StringWriter error = new();
        Terminal terminal = new(output, error, false, false);
        Assert.Equal(ExitCode.Usage, await CommandLine.RunAsync(["completion", "fish"], terminal, CancellationToken.None));
        Assert.Contains("bash, zsh, pwsh", error.ToString(), StringComparison.Ordinal);
        Assert.Equal(ExitCode.Ok, await CommandLine.RunAsync(["--help"], terminal, CancellationToken.None));
        Assert.DoesNotContain("complete ", output.ToString(), StringComparison.Ordinal);
    }

    [ProgramFact("bash")]
    public async Task The_script_for_bash_parses_and_completes_option_names()
    {
        string script = CompletionScripts.Bash + $$"""
            whispertrt() { dotnet '{{typeof(CommandLine).Assembly.Location}}' "$@"; }
            COMP_WORDS=(whispertrt transcribe --max_line); COMP_CWORD=2; _whispertrt; echo "${COMPREPLY[@]}"
            COMP_WORDS=(whispertrt transcribe --task ''); COMP_CWORD=3; _whispertrt; echo "${COMPREPLY[@]}"
            COMP_WORDS=(whispertrt transcribe --model ''); COMP_CWORD=3; _whispertrt; echo "${#COMPREPLY[@]}"
            """;
        Assert.Equal((0, ""), await PipeAsync("bash", ["-n"], script));
        Assert.Equal((0, "--max_line_width --max_line_count\ntranscribe translate\n0\n"), await PipeAsync("bash", ["--norc"], script));
    }

    [ProgramFact("zsh")]
    public async Task The_script_for_zsh_parses_and_completes_option_names()
    {
        string script = $$"""
            compdef() { : }
            compadd() { print -r -- $found }
            whispertrt() { dotnet '{{typeof(CommandLine).Assembly.Location}}' "$@" }
            {{CompletionScripts.Zsh}}
            words=(whispertrt transcribe --max_line); CURRENT=3; _whispertrt
            """;
        Assert.Equal((0, "--max_line_width --max_line_count\n"), await PipeAsync("zsh", ["-f"], script));
    }

    [ProgramFact("pwsh")]
    public async Task The_script_for_PowerShell_parses()
    {
        (int code, string output) = await PipeAsync("pwsh", ["-NoProfile", "-Command", "-"], CompletionScripts.PowerShell + "\n'parsed'\n");
        Assert.Equal(0, code);
        Assert.Contains("parsed", output, StringComparison.Ordinal);
    }

    private static async Task<(int Code, string Output)> PipeAsync(string program, string[] arguments, string input)
    {
        ProcessStartInfo start = new(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true };
        using Process process = Process.Start(start)!;
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output);
    }
}
