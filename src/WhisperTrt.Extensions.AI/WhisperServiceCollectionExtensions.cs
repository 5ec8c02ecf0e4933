using System.Diagnostics.Metrics;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using WhisperTrt;
using WhisperTrt.Extensions.AI;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds Whisper models to a container.</summary>
public static class WhisperServiceCollectionExtensions
{
    /// <summary>
    /// Adds singletons of <see cref="WhisperModel"/>, <see cref="WhisperEngine"/> and <see cref="ISpeechToTextClient"/>. The model is loaded once,
    /// when one of them is first asked for; ask for one as the program starts to have it loaded, or refused, by then. The container disposes them.
    /// The library's log lines go to the container's loggers (category "WhisperTrt"), its metrics to a meter of the container's
    /// <see cref="IMeterFactory"/>, where there is one.
    /// </summary>
    /// <param name="services">The container's services.</param>
    /// <param name="configure">Says which model and how; called again, it adds to what was said before.</param>
    public static IServiceCollection AddWhisper(this IServiceCollection services, Action<WhisperOptions> configure) =>
        Add(services, null, configure);

    /// <summary>
    /// Adds a further model: the same singletons as <see cref="AddWhisper(IServiceCollection, Action{WhisperOptions})"/>, keyed by
    /// <paramref name="name"/>. Each name has a model and an engine of its own.
    /// </summary>
    /// <param name="services">The container's services.</param>
    /// <param name="name">The key of the services, and the name of the options.</param>
    /// <param name="configure">Says which model and how; called again for the name, it adds to what was said before.</param>
    public static IServiceCollection AddWhisper(this IServiceCollection services, string name, Action<WhisperOptions> configure)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        return Add(services, name, configure);
    }

    private static IServiceCollection Add(IServiceCollection services, string? name, Action<WhisperOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        services.AddOptions<WhisperOptions>(name)
            .Configure(configure)
            .Validate(options => !string.IsNullOrEmpty(options.Model), $"{nameof(WhisperOptions)}.{nameof(WhisperOptions.Model)} is not set{For(name)}.");
        services.TryAddSingleton(provider => new ContainerLog(provider.GetService<ILoggerFactory>()));
        services.TryAddKeyedSingleton(name, (provider, _) => LoadModel(provider, name));
        services.TryAddKeyedSingleton(name, (provider, _) => Get<WhisperModel>(provider, name)
            .CreateEngine(OptionsOf(provider, name).Engine, provider.GetService<IMeterFactory>()));
        services.TryAddKeyedSingleton(name, (provider, _) => Get<WhisperEngine>(provider, name)
            .AsISpeechToTextClient(OptionsOf(provider, name).Transcribe));
        return services;
    }

    private static WhisperModel LoadModel(IServiceProvider provider, string? name)
    {
        // First, so that loading is logged, and so that the container disposes it last.
        provider.GetRequiredService<ContainerLog>().Attach();
        WhisperOptions options = OptionsOf(provider, name);
        return WhisperModel.Load(options.Model, options.Load);
    }

    private static WhisperOptions OptionsOf(IServiceProvider provider, string? name) =>
        provider.GetRequiredService<IOptionsMonitor<WhisperOptions>>().Get(name);

    // Not every container knows keys: without a name, none is asked for.
    private static T Get<T>(IServiceProvider provider, string? name)
        where T : notnull => name is null ? provider.GetRequiredService<T>() : provider.GetRequiredKeyedService<T>(name);

    private static string For(string? name) => name is null ? "" : $" for '{name}'";
}
