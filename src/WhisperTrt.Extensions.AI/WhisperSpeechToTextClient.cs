using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;

namespace WhisperTrt.Extensions.AI;

/// <inheritdoc cref="WhisperSpeechToTextExtensions.AsISpeechToTextClient"/>
internal sealed class WhisperSpeechToTextClient(WhisperEngine engine, TranscribeOptions defaults) : ISpeechToTextClient
{
    private readonly SpeechToTextClientMetadata metadata = new("whispertrt", defaultModelId: engine.ModelInfo.Name);

    public async Task<SpeechToTextResponse> GetTextAsync(
        Stream audioSpeechStream, SpeechToTextOptions? options = null, CancellationToken cancellationToken = default)
    {
        Audio audio = Audio.FromStream(audioSpeechStream);
        TranscribeOptions how = RequestOptions.ToTranscribeOptions(this, engine.ModelInfo, defaults, options);
        Transcript transcript = await engine.TranscribeToEndAsync(audio, how, cancellationToken: cancellationToken).ConfigureAwait(false);
        return new SpeechToTextResponse(transcript.Text.TrimStart())
        {
            ResponseId = NewId(),
            ModelId = engine.ModelInfo.Name,
            StartTime = transcript.Segments is [{ } first, ..] ? first.Start : null,
            EndTime = transcript.Segments is [.., { } last] ? last.End : null,
            RawRepresentation = transcript,
            AdditionalProperties = Describe(transcript),
        };
    }

    public async IAsyncEnumerable<SpeechToTextResponseUpdate> GetStreamingTextAsync(
        Stream audioSpeechStream, SpeechToTextOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        Audio audio = Audio.FromStream(audioSpeechStream);
        TranscribeOptions how = RequestOptions.ToTranscribeOptions(this, engine.ModelInfo, defaults, options);
        string id = NewId();
        Transcription transcription = await engine.StartAsync(audio, how, cancellationToken: cancellationToken).ConfigureAwait(false);
        await using (transcription.ConfigureAwait(false))
        {
            yield return NewUpdate(id, SpeechToTextResponseUpdateKind.SessionOpen);
            bool begun = false;
            await foreach (Segment segment in transcription.ReadSegmentsAsync(cancellationToken).ConfigureAwait(false))
            {
                SpeechToTextResponseUpdate update = NewUpdate(id, SpeechToTextResponseUpdateKind.TextUpdated);
                update.Contents = [new TextContent(begun ? segment.Text : segment.Text.TrimStart())];
                update.StartTime = segment.Start;
                update.EndTime = segment.End;
                update.RawRepresentation = segment;
                update.AdditionalProperties = Describe(segment, transcription.DetectedLanguage ?? how.Language);
                begun |= segment.Text.Length > 0;
                yield return update;
            }

            Transcript transcript = await transcription.ToEndAsync(CancellationToken.None).ConfigureAwait(false);
            SpeechToTextResponseUpdate close = NewUpdate(id, SpeechToTextResponseUpdateKind.SessionClose);
            close.RawRepresentation = transcript;
            close.AdditionalProperties = Describe(transcript);
            yield return close;
        }
    }

    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null
            : serviceType == typeof(SpeechToTextClientMetadata) ? metadata
            : serviceType == typeof(WhisperEngine) ? engine
            : serviceType.IsInstanceOfType(this) ? this
            : null;
    }

    /// <summary>Nothing: the engine is its owner's.</summary>
    public void Dispose()
    {
    }

    private SpeechToTextResponseUpdate NewUpdate(string id, SpeechToTextResponseUpdateKind kind) => new()
    {
        Kind = kind,
        ResponseId = id,
        ModelId = engine.ModelInfo.Name,
    };

    private static string NewId() => Guid.NewGuid().ToString("N");

    private static AdditionalPropertiesDictionary Describe(Transcript transcript) => new()
    {
        ["language"] = transcript.Language,
        ["duration"] = transcript.Duration.TotalSeconds,
    };

    private static AdditionalPropertiesDictionary Describe(Segment segment, string? language)
    {
        AdditionalPropertiesDictionary properties = new()
        {
            ["avg_logprob"] = segment.AverageLogProbability,
            ["no_speech_prob"] = segment.NoSpeechProbability,
            ["compression_ratio"] = segment.CompressionRatio,
            ["temperature"] = segment.Temperature,
        };
        if (language is not null)
        {
            properties["language"] = language;
        }

        return properties;
    }
}
