using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace WhisperTrt.Generator;

/// <summary>Writes the ABI as JSON: what a reviewer diffs and a test compares.</summary>
internal static class ManifestEmitter
{
    private static readonly JsonSerializerOptions Readable = new() { WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    internal static GeneratedFile Emit(Abi abi)
    {
        var root = new JsonObject
        {
            ["abi"] = new JsonObject { ["major"] = abi.ConstantValue("WTRT_ABI_MAJOR"), ["minor"] = abi.ConstantValue("WTRT_ABI_MINOR") },
            ["functions"] = new JsonObject(abi.Functions.Select(function => Pair(function.Name, Signature(function.Name, function.Result, function.Parameters)))),
            ["callbacks"] = new JsonObject(abi.Callbacks.Select(callback => Pair(callback.Name, Signature("(*" + callback.Name + ")", callback.Result, callback.Parameters)))),
            ["handles"] = new JsonArray([.. abi.Handles.Select(handle => (JsonNode)handle.Name)]),
            ["structs"] = new JsonObject(abi.Structs.Select(type => Pair(type.Name, Layout(type)))),
            ["constants"] = new JsonObject(abi.Constants.Select(constant => Pair(constant.Name, constant.Value))),
        };
        return new GeneratedFile("bindings/abi-manifest.json", root.ToJsonString(Readable) + "\n");
    }

    private static KeyValuePair<string, JsonNode?> Pair(string name, JsonNode? value) => new(name, value);

    private static JsonNode Signature(string name, CType result, IReadOnlyList<Parameter> parameters) =>
        $"{result.Spelling} {name}({(parameters.Count == 0 ? "void" : string.Join(", ", parameters.Select(parameter => $"{parameter.Type.Spelling} {parameter.Name}")))})";

    private static JsonObject Layout(Struct type) => new()
    {
        ["size"] = type.Size,
        ["alignment"] = type.Alignment,
        ["fields"] = new JsonObject(type.Fields.Select(field => Pair(field.Name, new JsonObject
        {
            ["type"] = field.Type.Spelling,
            ["offset"] = field.Offset,
            ["size"] = field.Size,
        }))),
    };
}
