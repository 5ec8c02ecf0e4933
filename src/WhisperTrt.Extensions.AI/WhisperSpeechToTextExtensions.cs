using WhisperTrt;
using WhisperTrt.Extensions.AI;

namespace Microsoft.Extensions.AI;

/// <summary>Whisper behind the abstractions of Microsoft.Extensions.AI.</summary>
public static class WhisperSpeechToTextExtensions
{
    /// <summary>A client that transcribes with an engine.</summary>
    /// <remarks>
    /// <para>
    /// The client does not own the engine: disposing it does nothing. <see cref="ISpeechToTextClient.GetService"/> gives the engine, and
    /// <see cref="SpeechToTextClientMetadata"/> with the model's name. What the audio stream throws comes through as it is; errors of the
    /// library are <see cref="WhisperException"/>.
    /// </para>
    /// <para>
    /// Options: <see cref="SpeechToTextOptions.SpeechLanguage"/> is a Whisper language or a language tag ("en-US"); without it the language is
    /// detected. <see cref="SpeechToTextOptions.TextLanguage"/> "en" asks for a translation, unless the speech is known to be English; any other
    /// text language than that of the speech is refused with <see cref="UnsupportedException"/>.
    /// <see cref="SpeechToTextOptions.ModelId"/>, if set, must name the engine's model, else <see cref="InvalidOptionException"/>.
    /// <see cref="SpeechToTextOptions.RawRepresentationFactory"/> may make a <see cref="TranscribeOptions"/>, which replaces
    /// <paramref name="defaults"/>, and whose language goes before <see cref="SpeechToTextOptions.SpeechLanguage"/>.
    /// <see cref="SpeechToTextOptions.SpeechSampleRate"/> does not matter: the audio is a file, which says its own.
    /// </para>
    /// <para>
    /// A response has the text, the times of its first and last segment, "language" and "duration" (seconds) as additional properties, and the
    /// <see cref="Transcript"/> as its raw representation. A stream of updates begins with
    /// <see cref="SpeechToTextResponseUpdateKind.SessionOpen"/>, has a <see cref="SpeechToTextResponseUpdateKind.TextUpdated"/> per segment with its
    /// times, "avg_logprob", "no_speech_prob", "compression_ratio", "temperature" and, where it is known by then, "language", and the
    /// <see cref="Segment"/> as its raw representation, and closes with <see cref="SpeechToTextResponseUpdateKind.SessionClose"/>, which has what
    /// a response has beside the text. Leaving the loop early ends the work.
    /// </para>
    /// </remarks>
    /// <param name="engine">The engine; must outlive the client.</param>
    /// <param name="defaults">How to transcribe where a request says nothing else; <see langword="null"/>: the library's defaults.</param>
    public static ISpeechToTextClient AsISpeechToTextClient(this WhisperEngine engine, TranscribeOptions? defaults = null)
    {
        ArgumentNullException.ThrowIfNull(engine);
        return new WhisperSpeechToTextClient(engine, defaults ?? new TranscribeOptions());
    }
}
