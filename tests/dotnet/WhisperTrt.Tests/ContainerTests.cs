using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace WhisperTrt.Tests;

/// <summary>Models in a container: made once, when asked for, and ended with it.</summary>
public sealed class ContainerTests
{
    [SpeechFact]
    public async Task One_model_is_loaded_when_first_asked_for_and_ends_with_the_container()
    {
        ServiceProvider provider = Build(services => services.AddWhisper(options => options.Model = Repository.Model));
        WhisperEngine[] engines = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(provider.GetRequiredService<WhisperEngine>)));
        WhisperEngine engine = Assert.Single(engines.Distinct());
        WhisperModel model = provider.GetRequiredService<WhisperModel>();
        ISpeechToTextClient client;
        await using (AsyncServiceScope scope = provider.CreateAsyncScope())
        {
            Assert.Same(engine, scope.ServiceProvider.GetRequiredService<WhisperEngine>());
            client = scope.ServiceProvider.GetRequiredService<ISpeechToTextClient>();
        }

        // A scope's end is nobody else's, and a client's disposal is not the engine's.
        Assert.Same(client, provider.GetRequiredService<ISpeechToTextClient>());
        client.Dispose();
        Assert.Same(engine, client.GetService<WhisperEngine>());
        using FileStream speech = File.OpenRead(Repository.Clips[0]);
        Assert.NotEmpty((await client.GetTextAsync(speech)).Text);

        Transcription running = await engine.StartAsync(Speech.Long(10));
        await provider.DisposeAsync().AsTask().WaitAsync(Speech.Patience);
        await Assert.ThrowsAsync<EngineClosedException>(() => running.ToEndAsync().WaitAsync(Speech.Patience));
        Assert.Throws<ObjectDisposedException>(() => engine.Memory);
        Assert.Throws<ObjectDisposedException>(() => model.CreateEngine());
        await provider.DisposeAsync();
    }

    [SpeechFact]
    public void A_container_can_end_without_await_and_without_having_been_asked()
    {
        Build(services => services.AddWhisper(options => options.Model = "/no/such/model")).Dispose();
        ServiceProvider provider = Build(services => services.AddWhisper(options => options.Model = Repository.Model));
        WhisperEngine engine = provider.GetRequiredService<WhisperEngine>();
        provider.Dispose();
        Assert.Throws<ObjectDisposedException>(() => engine.Memory);
    }

    [SpeechFact]
    public async Task Models_by_name_are_apart()
    {
        await using ServiceProvider provider = Build(services => services
            .AddWhisper(options => options.Model = Repository.Model)
            .AddWhisper("narrow", options =>
            {
                options.Model = Repository.Model;
                options.Engine = new EngineOptions { MaxBatch = 2 };
            }));
        WhisperEngine plain = provider.GetRequiredService<WhisperEngine>();
        WhisperEngine narrow = provider.GetRequiredKeyedService<WhisperEngine>("narrow");
        Assert.NotSame(plain, narrow);
        Assert.Equal(16, plain.Memory.MaxBatch);
        Assert.Equal(2, narrow.Memory.MaxBatch);
        Assert.Same(narrow, provider.GetRequiredKeyedService<ISpeechToTextClient>("narrow").GetService<WhisperEngine>());
        Assert.Same(plain, provider.GetRequiredService<ISpeechToTextClient>().GetService<WhisperEngine>());
        Assert.Null(provider.GetKeyedService<WhisperEngine>("other"));
    }

    [SpeechFact]
    public async Task Options_add_up_and_reach_the_client()
    {
        await using ServiceProvider provider = Build(services => services
            .AddWhisper(options => options.Model = "replaced below")
            .AddWhisper(options => options.Transcribe = new TranscribeOptions { MaxNewTokens = 3, WithoutTimestamps = true })
            .Configure<WhisperTrt.Extensions.AI.WhisperOptions>(options => options.Model = Repository.Model));
        using FileStream speech = File.OpenRead(Repository.Clips[0]);
        SpeechToTextResponse response = await provider.GetRequiredService<ISpeechToTextClient>().GetTextAsync(speech);
        Assert.InRange(response.Text.Length, 1, 40);
    }

    [NativeFact]
    public void A_model_that_is_not_named_or_not_there_is_an_error_where_it_is_asked_for()
    {
        using ServiceProvider provider = Build(services => services
            .AddWhisper(_ => { })
            .AddWhisper("missing", options => options.Model = "/no/such/model"));
        OptionsValidationException unset = Assert.Throws<OptionsValidationException>(provider.GetRequiredService<WhisperEngine>);
        Assert.Contains("Model", unset.Message, StringComparison.Ordinal);
        Assert.Throws<ModelNotFoundException>(() => provider.GetRequiredKeyedService<WhisperEngine>("missing"));
        Assert.Throws<ArgumentException>(() => new ServiceCollection().AddWhisper("", _ => { }));
        Assert.Throws<ArgumentNullException>(() => new ServiceCollection().AddWhisper(null!));
    }

    [SpeechFact]
    public async Task Lines_and_measurements_go_to_the_container_while_it_lives()
    {
        using LogRecorder log = new();
        using MetricRecorder metrics = new();
        try
        {
            await using (ServiceProvider provider = Build(services => services
                .AddSingleton<ILoggerFactory>(log)
                .AddSingleton<IMeterFactory>(metrics)
                .AddWhisper(options => options.Model = Repository.Model)))
            {
                using Transcript transcript = await provider.GetRequiredService<WhisperEngine>().TranscribeToEndAsync(Speech.Clip);
            }

            Assert.Equal(1, metrics.Sum("whispertrt.jobs.finished"));
            Assert.Equal("WhisperTrt", log.Category);
            Assert.NotEmpty(log.Lines);
            int then = log.Lines.Count;
            WhisperModel.Load(Repository.Model).Dispose();
            Assert.Equal(then, log.Lines.Count);
        }
        finally
        {
            WhisperLog.SetLogger(null);
        }
    }

    private static ServiceProvider Build(Action<IServiceCollection> add)
    {
        ServiceCollection services = new();
        add(services);
        return services.BuildServiceProvider(new ServiceProviderOptions { ValidateOnBuild = true, ValidateScopes = true });
    }

    private sealed class LogRecorder : ILoggerFactory, ILogger
    {
        internal ConcurrentQueue<string> Lines { get; } = new();

        internal string? Category { get; private set; }

        public ILogger CreateLogger(string categoryName)
        {
            Category = categoryName;
            return this;
        }

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue(formatter(state, exception));

        public void Dispose()
        {
        }
    }
}
