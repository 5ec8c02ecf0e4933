using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace WhisperTrt.Cli;

/// <summary>Reads an option's value, or says that it cannot be read.</summary>
internal delegate bool ValueReader<T>(string text, out T value);

/// <summary>An option with the type of its value. The parser sees texts only: that starts fast, and None is no value to it.</summary>
internal sealed class Setting<T>(Option<string?> option, T byDefault, ValueReader<T> read)
{
    internal Option<string?> Option { get; } = option;

    internal T Of(ParseResult result) => result.GetValue(Option) is { } text && read(text, out T value) ? value : byDefault;
}

/// <summary>Options as openai/whisper spells them: snake_case (kebab-case too, see <see cref="CommandLine"/>), True/False, and None.</summary>
internal static class Options
{

    internal static Setting<bool> Bool(string name, bool byDefault, string description) =>
        Make<bool>(name, byDefault, $"{description} [default {byDefault}]", "True|False", "True or False", TryBool);

    internal static Setting<bool?> OptionalBool(string name, string description) =>
        Make<bool?>(name, null, description, "True|False", "True or False", TryOptionalBool);

    internal static Setting<int> Int(string name, int byDefault, string description) =>
        Make<int>(name, byDefault, $"{description} [default {Show(byDefault)}]", "N", "a whole number", TryInt);

    internal static Setting<int?> OptionalInt(string name, int? byDefault, string description) =>
        Make<int?>(name, byDefault, $"{description} [default {Show(byDefault)}]", "N|None", "a whole number or None", TryOptionalInt);

    internal static Setting<long?> OptionalLong(string name, string description) =>
        Make<long?>(name, null, $"{description} [default None]", "N|None", "a whole number or None", TryOptionalLong);

    internal static Setting<double> Double(string name, double byDefault, string description) =>
        Make<double>(name, byDefault, $"{description} [default {Show(byDefault)}]", "X", "a number", TryDouble);

    internal static Setting<double?> OptionalDouble(string name, double? byDefault, string description) =>
        Make<double?>(name, byDefault, $"{description} [default {Show(byDefault)}]", "X|None", "a number or None", TryOptionalDouble);

    /// <summary>A number that may be without limit, as Python spells it: inf.</summary>
    internal static Setting<double> DoubleOrInfinity(string name, string description) =>
        Make<double>(name, double.PositiveInfinity, $"{description} [default inf]", "X|inf", "a number or inf", TryDoubleOrInfinity);

    internal static Setting<AudioContext> AudioContext(string name, string description) =>
        Make<AudioContext>(name, WhisperTrt.AudioContext.Full, $"{description} [default None]", "N|auto|None", "a number from 1 to 1500, auto or None", TryAudioContext);

    internal static Setting<string?> Text(string name, string? byDefault, string description, params string[] shortNames) =>
        Make<string?>(name, byDefault, byDefault is null or "" ? description : $"{description} [default {byDefault}]", "TEXT", "a text", TryText, shortNames);

    /// <summary>The name of a model, a file or a folder; an empty one is a script's variable that is not set.</summary>
    internal static Setting<string?> Name(string name, string description, params string[] shortNames) =>
        Make<string?>(name, null, description, "TEXT", "a name", TryName, shortNames);

    /// <summary>One of several words; written in the order they are listed in.</summary>
    internal static Setting<T?> Choice<T>(
        string name, T? byDefault, string description, (string Word, T Value)[] choices, params string[] shortNames)
        where T : struct
    {
        string words = string.Join('|', choices.Select(choice => choice.Word));
        return Make<T?>(name, byDefault, description, words, $"one of {words}", Parse, shortNames);

        bool Parse(string text, out T? value)
        {
            foreach (var (word, candidate) in choices)
            {
                if (word == text)
                {
                    value = candidate;
                    return true;
                }
            }

            value = null;
            return false;
        }
    }

    /// <summary>Python's False and True, in any case; nothing else.</summary>
    internal static bool TryBool(string text, out bool value) => bool.TryParse(text, out value);

    internal static bool TryInt(string text, out int value) =>
        int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value);

    internal static bool TryDouble(string text, out double value) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && double.IsFinite(value);

    private static bool TryDoubleOrInfinity(string text, out double value)
    {
        bool endless = text == "inf";
        value = double.PositiveInfinity;
        return endless || TryDouble(text, out value);
    }

    internal static bool TryOptionalInt(string text, out int? value) => TryOptional<int>(text, TryInt, out value);

    internal static bool TryOptionalDouble(string text, out double? value) => TryOptional<double>(text, TryDouble, out value);

    private static bool TryOptionalBool(string text, out bool? value) => TryOptional<bool>(text, TryBool, out value);

    private static bool TryOptionalLong(string text, out long? value) => TryOptional<long>(text, TryLong, out value);

    private static bool TryLong(string text, out long value) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value);

    private static bool TryAudioContext(string text, out AudioContext value)
    {
        value = text == "auto" ? WhisperTrt.AudioContext.Auto : WhisperTrt.AudioContext.Full;
        if (TryInt(text, out int count) && count is >= 1 and <= 1500)
        {
            value = WhisperTrt.AudioContext.Positions(count);
            return true;
        }

        return text is "auto" or "None";
    }

    private static bool TryText(string text, out string? value)
    {
        value = text == "None" ? null : text;
        return true;
    }

    private static bool TryName(string text, out string? value) => TryText(text, out value) && text.Length > 0;

    private static bool TryOptional<T>(string text, ValueReader<T> parse, out T? value)
        where T : struct
    {
        if (text == "None")
        {
            value = null;
            return true;
        }

        bool good = parse(text, out T plain);
        value = good ? plain : null;
        return good;
    }

    private static Setting<T> Make<T>(
        string name, T byDefault, string description, string helpName, string expected, ValueReader<T> read, params string[] shortNames)
    {
        Option<string?> option = new(name, shortNames)
        {
            Description = description,
            HelpName = helpName,
            Arity = ArgumentArity.ExactlyOne,
        };
        option.Validators.Add(result => Check(result, name, expected, read));
        return new Setting<T>(option, byDefault, read);
    }

    private static void Check<T>(OptionResult result, string name, string expected, ValueReader<T> read)
    {
        foreach (Token token in result.Tokens)
        {
            if (!read(token.Value, out _))
            {
                result.AddError($"{name}: '{token.Value}' is not {expected}.");
            }
        }
    }

    private static string Show(IFormattable? value) => value?.ToString(null, CultureInfo.InvariantCulture) ?? "None";
}
