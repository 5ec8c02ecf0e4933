using Microsoft.Extensions.Logging;

namespace WhisperTrt.Extensions.AI;

/// <summary>
/// Sends the library's log lines to a container's loggers for as long as the container lives. The library has one log for the process: of several
/// containers, the last one to load a model has it.
/// </summary>
internal sealed class ContainerLog(ILoggerFactory? factory) : ILogger, IDisposable
{
    private volatile ILogger? target = factory?.CreateLogger("WhisperTrt");

    /// <summary>Without loggers, whatever the program has set stays.</summary>
    internal void Attach()
    {
        if (target is { } logger)
        {
            WhisperLog.SetLogger(this, LowestLevel(logger));
        }
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => target?.BeginScope(state);

    public bool IsEnabled(LogLevel logLevel) => target?.IsEnabled(logLevel) ?? false;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        target?.Log(logLevel, eventId, state, exception, formatter);

    public void Dispose() => target = null;

    /// <summary>So that the library makes no lines that nobody wants.</summary>
    private static LogLevel LowestLevel(ILogger logger)
    {
        LogLevel level = LogLevel.Debug;
        while (level < LogLevel.None && !logger.IsEnabled(level))
        {
            level++;
        }

        return level;
    }
}
