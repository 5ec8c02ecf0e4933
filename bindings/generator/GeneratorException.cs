namespace WhisperTrt.Generator;

/// <summary>Something the person at the keyboard can put right; its message says what.</summary>
internal sealed class GeneratorException(string message) : Exception(message);
