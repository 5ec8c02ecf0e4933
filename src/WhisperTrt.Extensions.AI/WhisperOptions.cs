namespace WhisperTrt.Extensions.AI;

/// <summary>What <c>AddWhisper</c> loads and how it transcribes.</summary>
public sealed class WhisperOptions
{
    /// <summary>The model: a checkpoint's directory, or a name ("tiny.en"), see <see cref="WhisperModel.Load"/>. Must be set.</summary>
    public string Model { get; set; } = "";

    /// <summary>How the model is loaded.</summary>
    public ModelOptions Load { get; set; } = new();

    /// <summary>How the engine is laid out.</summary>
    public EngineOptions Engine { get; set; } = new();

    /// <summary>How <see cref="Microsoft.Extensions.AI.ISpeechToTextClient"/> transcribes where a request says nothing else.</summary>
    public TranscribeOptions Transcribe { get; set; } = new();
}
