namespace WhisperTrt;

/// <summary>
/// How a transcript is written; openai/whisper's names and meanings. All but <see cref="Trace"/> lay out the words of SRT, VTT and LRC: they
/// need word times and are of no effect without them.
/// </summary>
public sealed record WriteOptions
{
    /// <summary>Most characters in a line, from 1; <see langword="null"/>: no limit.</summary>
    public int? MaxLineWidth { get; init; }

    /// <summary>
    /// Most lines in a subtitle, from 1; <see langword="null"/>: no limit. With <see cref="MaxLineWidth"/> it lets subtitles run across segments,
    /// without it is of no effect.
    /// </summary>
    public int? MaxLineCount { get; init; }

    /// <summary>Most words in a subtitle, from 1; <see langword="null"/>: no limit. Of no effect with both of the others.</summary>
    public int? MaxWordsPerLine { get; init; }

    /// <summary>SRT and VTT have a subtitle per word, that word underlined, and LRC has the times of words.</summary>
    public bool HighlightWords { get; init; }

    /// <summary>JSON has "trace" too, how each window was decoded: its attempts with temperature, figures and verdict.</summary>
    public bool Trace { get; init; }
}
