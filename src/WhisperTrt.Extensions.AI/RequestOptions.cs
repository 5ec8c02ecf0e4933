using Microsoft.Extensions.AI;

namespace WhisperTrt.Extensions.AI;

/// <summary>What a request asks for, in the library's terms.</summary>
internal static class RequestOptions
{
    internal static TranscribeOptions ToTranscribeOptions(
        ISpeechToTextClient client, ModelInfo model, TranscribeOptions defaults, SpeechToTextOptions? request)
    {
        if (request is null)
        {
            return defaults;
        }

        CheckModel(request.ModelId, model.Name);
        var raw = request.RawRepresentationFactory?.Invoke(client) as TranscribeOptions;
        string? asked = ToWhisper(request.SpeechLanguage);
        string? speech = raw is null ? asked ?? defaults.Language : raw.Language ?? asked;
        TranscribeOptions options = (raw ?? defaults) with { Language = speech };
        return ToWhisper(request.TextLanguage) is { } text
            ? options with { Task = TaskFor(text, model.IsMultilingual ? ToWhisper(speech) : "en") }
            : options;
    }

    private static void CheckModel(string? asked, string model)
    {
        if (!string.IsNullOrEmpty(asked) && asked != model)
        {
            throw new InvalidOptionException($"The request asks for the model '{asked}', but this client has '{model}'; leave ModelId unset or take a client of that model.");
        }
    }

    private static SpeechTask TaskFor(string text, string? speech) =>
        text == speech ? SpeechTask.Transcribe
        : text == "en" ? SpeechTask.Translate
        : throw new UnsupportedException(
            $"The request asks for text in '{text}' from speech in {(speech is null ? "a language to be detected" : $"'{speech}'")}: Whisper writes " +
            "the language that is spoken, or English. Set SpeechLanguage to the same language, or leave TextLanguage unset.");

    /// <summary>"en-US" is "en", and a few languages have a code of their own in Whisper; names ("english") stay as they are.</summary>
    private static string? ToWhisper(string? language)
    {
        if (string.IsNullOrWhiteSpace(language))
        {
            return null;
        }

        string primary = language.Trim().Split('-', '_')[0].ToLowerInvariant();
        return primary switch
        {
            "fil" => "tl",
            "jv" => "jw",
            "nb" => "no",
            "english" => "en",
            _ => primary,
        };
    }
}
