namespace WhisperTrt.Cli;

/// <summary>The model on each device that was asked for.</summary>
internal sealed class DeviceModels : IDisposable
{
    private readonly List<WhisperModel> models = [];

    private DeviceModels(string path) => Path = path;

    /// <summary>Where it was loaded from.</summary>
    internal string Path { get; }

    /// <summary>What is the same of each: the languages, the tokens.</summary>
    internal WhisperModel First => models[0];

    internal static DeviceModels Load(TranscribeSettings settings, Terminal terminal)
    {
        string path = ModelLocator.Locate(settings.Model, settings.ModelDirectory, AppContext.BaseDirectory);
        DeviceModels self = new(path);
        try
        {
            foreach (ModelOptions options in settings.ToModelOptionsOfEach())
            {
                self.models.Add(WhisperModel.Load(path, options));
            }
        }
        catch
        {
            self.Dispose();
            throw;
        }

        if (settings.GpuMemoryLimit is not null && self.First.Info.Device == Device.Cpu)
        {
            terminal.Complain("whispertrt: --gpu_memory_limit has no effect on the CPU");
        }

        return self;
    }

    /// <summary>An engine on each; work goes to the one with the least under way.</summary>
    internal WorkQueue CreateEngines(TranscribeSettings settings)
    {
        List<WhisperEngine> engines = [];
        try
        {
            foreach (WhisperModel model in models)
            {
                engines.Add(model.CreateEngine(settings.ToEngineOptions(model.Info)));
            }
        }
        catch
        {
            engines.ForEach(engine => engine.Dispose());
            throw;
        }

        return new WorkQueue(new WhisperEngineGroup(engines));
    }

    public void Dispose() => models.ForEach(model => model.Dispose());
}
