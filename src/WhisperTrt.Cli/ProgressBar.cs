using Spectre.Console;

namespace WhisperTrt.Cli;

/// <summary>A bar on standard error: how much of all files is done.</summary>
internal sealed class ProgressBar(int count)
{
    private readonly double[] shares = new double[count];
    private readonly Lock gate = new();
    private ProgressTask? task;

    /// <summary>Shows the bar while <paramref name="work"/> is done; what it complains of is written above the bar.</summary>
    internal async Task<int> ShowAsync(Terminal terminal, Func<Task<int>> work)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        terminal.ErrorLines = console.WriteLine;
        try
        {
            return await RunAsync(console, work).ConfigureAwait(false);
        }
        finally
        {
            terminal.ErrorLines = null;
        }
    }

    private async Task<int> RunAsync(IAnsiConsole console, Func<Task<int>> work) =>
        await console.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .StartAsync(async context =>
            {
                task = context.AddTask(count == 1 ? "transcribing" : $"transcribing {count} files", maxValue: count);
                return await work().ConfigureAwait(false);
            })
            .ConfigureAwait(false);

    /// <summary>What is told how far file <paramref name="index"/> is.</summary>
    internal IProgress<TranscribeProgress> Of(int index) => new Share(this, index);

    internal void Finish(int index) => Set(index, 1);

    private void Set(int index, double share)
    {
        lock (gate)
        {
            shares[index] = Math.Max(shares[index], share);
            if (task is not null)
            {
                task.Value = shares.Sum();
            }
        }
    }

    private sealed class Share(ProgressBar bar, int index) : IProgress<TranscribeProgress>
    {
        public void Report(TranscribeProgress value)
        {
            if (value.Total is { } total && total > TimeSpan.Zero)
            {
                bar.Set(index, Math.Clamp(value.Done / total, 0, 1));
            }
        }
    }
}
