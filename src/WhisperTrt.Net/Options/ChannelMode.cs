namespace WhisperTrt;

/// <summary>What becomes of the channels of a recording.</summary>
public enum ChannelMode
{
    /// <summary>They are mixed into one.</summary>
    Mix = 0,

    /// <summary>Each is transcribed by itself; segments say whose they are.</summary>
    Split = 1,
}
