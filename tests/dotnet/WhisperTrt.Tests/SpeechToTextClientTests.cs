using Microsoft.Extensions.AI;
using WhisperTrt.Extensions.AI;

namespace WhisperTrt.Tests;

/// <summary>The engine behind Microsoft.Extensions.AI's abstraction.</summary>
public sealed class SpeechToTextClientTests
{
    private const string Said = "the circumstances which led me to leave my native country";

    [SpeechFact]
    public async Task A_response_has_the_text_its_times_and_the_transcript()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        using ISpeechToTextClient client = engine.AsISpeechToTextClient();
        using FileStream speech = File.OpenRead(Repository.Clips[0]);
        SpeechToTextResponse response = await client.GetTextAsync(speech);
        using Transcript transcript = Assert.IsType<Transcript>(response.RawRepresentation);
        Assert.Contains(Said, response.Text, StringComparison.Ordinal);
        Assert.Equal(transcript.Text.TrimStart(), response.Text);
        Assert.Equal(transcript.Segments[0].Start, response.StartTime);
        Assert.Equal(transcript.Segments[^1].End, response.EndTime);
        Assert.Equal("whisper-tiny.en-int8", response.ModelId);
        Assert.Equal("en", response.AdditionalProperties!["language"]);
        Assert.Equal(transcript.Duration.TotalSeconds, response.AdditionalProperties["duration"]);
        using MemoryStream nothing = new(Wave.Encode([]));
        SpeechToTextResponse empty = await client.GetTextAsync(nothing);
        Assert.Equal("", empty.Text);
        Assert.Null(empty.StartTime);
    }

    [SpeechFact]
    public async Task Updates_come_in_order_between_open_and_close_and_add_up_to_the_response()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        using ISpeechToTextClient client = engine.AsISpeechToTextClient();
        byte[] file = await File.ReadAllBytesAsync(Repository.Clips[0]);
        List<SpeechToTextResponseUpdate> updates = [];
        using MemoryStream speech = new(file);
        await foreach (SpeechToTextResponseUpdate update in client.GetStreamingTextAsync(speech, new SpeechToTextOptions { SpeechLanguage = "en-US" }))
        {
            updates.Add(update);
        }

        SpeechToTextResponseUpdate[] texts = [.. updates.Skip(1).SkipLast(1)];
        Assert.Equal(SpeechToTextResponseUpdateKind.SessionOpen, updates[0].Kind);
        Assert.Equal(SpeechToTextResponseUpdateKind.SessionClose, updates[^1].Kind);
        Assert.True(texts.Length > 1);
        Assert.Single(updates.Select(update => update.ResponseId).Distinct());
        Assert.Equal(texts.Select(update => update.StartTime).Order(), texts.Select(update => update.StartTime));
        Assert.All(texts, update =>
        {
            Segment segment = Assert.IsType<Segment>(update.RawRepresentation);
            Assert.Equal(SpeechToTextResponseUpdateKind.TextUpdated, update.Kind);
            Assert.Equal((segment.Start, segment.End), (update.StartTime, update.EndTime));
            Assert.Equal(segment.AverageLogProbability, update.AdditionalProperties!["avg_logprob"]);
            Assert.Equal("en", update.AdditionalProperties["language"]);
        });
        using MemoryStream again = new(file);
        SpeechToTextResponse whole = await client.GetTextAsync(again);
        SpeechToTextResponse sum = updates.ToSpeechToTextResponse();
        Assert.Equal(whole.Text, sum.Text);
        Assert.Equal((whole.StartTime, whole.EndTime), (sum.StartTime, sum.EndTime));
        Assert.Equal(whole.AdditionalProperties!["duration"], sum.AdditionalProperties!["duration"]);
    }

    [SpeechFact]
    public async Task Faults_and_cancellation_come_through_as_they_are()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        using ISpeechToTextClient client = engine.AsISpeechToTextClient();
        using MemoryStream noAudio = new("no audio at all"u8.ToArray());
        await Assert.ThrowsAsync<InvalidAudioException>(() => client.GetTextAsync(noAudio));
        using MemoryStream speech = new(Wave.Encode(Speech.Repeat(20)));
        using CancellationTokenSource source = new();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (SpeechToTextResponseUpdate update in client.GetStreamingTextAsync(speech, cancellationToken: source.Token))
            {
                if (update.Kind == SpeechToTextResponseUpdateKind.TextUpdated)
                {
                    await source.CancelAsync();
                }
            }
        });
        using MemoryStream left = new(Wave.Encode(Speech.Repeat(20)));
        await foreach (SpeechToTextResponseUpdate _ in client.GetStreamingTextAsync(left))
        {
            break;
        }

        Assert.InRange(engine.GetStatistics().Windows, 1, 9);
    }

    [SpeechFact]
    public async Task Its_services_are_its_metadata_its_engine_and_itself_and_disposing_it_leaves_the_engine()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        ISpeechToTextClient client = engine.AsISpeechToTextClient();
        Assert.Equal("whisper-tiny.en-int8", client.GetService<SpeechToTextClientMetadata>()!.DefaultModelId);
        Assert.Same(engine, client.GetService<WhisperEngine>());
        Assert.Same(client, client.GetService<ISpeechToTextClient>());
        Assert.Null(client.GetService<WhisperModel>());
        Assert.Null(client.GetService(typeof(WhisperEngine), "key"));
        client.Dispose();
        using Transcript transcript = await engine.TranscribeToEndAsync(Speech.Clip);
        Assert.NotEmpty(transcript.Text);
    }

    [SpeechFact]
    public void A_request_becomes_the_options_of_the_library()
    {
        TranscribeOptions defaults = new() { InitialPrompt = "default", Language = "fr" };
        Assert.Same(defaults, Map(null));
        Assert.Equal(defaults, Map(new SpeechToTextOptions { SpeechSampleRate = 8_000, ModelId = Speech.Model.Info.Name }));
        Assert.Equal("de", Map(new SpeechToTextOptions { SpeechLanguage = "de-CH" }).Language);
        Assert.Equal("no", Map(new SpeechToTextOptions { SpeechLanguage = "nb" }).Language);
        Assert.Equal("german", Map(new SpeechToTextOptions { SpeechLanguage = "German" }).Language);

        // A text in English from other speech is a translation; a text in the speech's language is none.
        Assert.Equal(SpeechTask.Translate, Map(new SpeechToTextOptions { TextLanguage = "en-GB" }).Task);
        Assert.Equal(SpeechTask.Translate, Map(new SpeechToTextOptions { TextLanguage = "en", SpeechLanguage = "de" }).Task);
        Assert.Equal(SpeechTask.Transcribe, Map(new SpeechToTextOptions { TextLanguage = "en", SpeechLanguage = "en-US" }).Task);
        Assert.Equal(SpeechTask.Transcribe, Map(new SpeechToTextOptions { TextLanguage = "fr" }).Task);
        Assert.Equal(SpeechTask.Transcribe, Map(new SpeechToTextOptions { TextLanguage = "en" }, Speech.Model.Info).Task);
        UnsupportedException other = Assert.Throws<UnsupportedException>(() => Map(new SpeechToTextOptions { TextLanguage = "it" }));
        Assert.Contains("'it'", other.Message, StringComparison.Ordinal);

        // The library's own options replace the defaults, and say what they say.
        SpeechToTextOptions raw = new() { SpeechLanguage = "de", RawRepresentationFactory = _ => new TranscribeOptions { InitialPrompt = "raw" } };
        Assert.Equal(new TranscribeOptions { InitialPrompt = "raw", Language = "de" }, Map(raw));
        raw.RawRepresentationFactory = _ => new TranscribeOptions { Language = "es" };
        Assert.Equal("es", Map(raw).Language);
        InvalidOptionException model = Assert.Throws<InvalidOptionException>(() => Map(new SpeechToTextOptions { ModelId = "large-v3" }));
        Assert.Contains("'large-v3'", model.Message, StringComparison.Ordinal);

        TranscribeOptions Map(SpeechToTextOptions? request, ModelInfo? model = null) =>
            RequestOptions.ToTranscribeOptions(null!, model ?? Speech.Model.Info with { IsMultilingual = true }, defaults, request);
    }
}
