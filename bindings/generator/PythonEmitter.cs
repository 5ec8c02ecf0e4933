using System.Text;

namespace WhisperTrt.Generator;

/// <summary>Writes the Python module over ctypes: constants, structures, handles and a class with one method per function.</summary>
internal static class PythonEmitter
{
    internal static GeneratedFile Emit(Abi abi, string header)
    {
        var code = new StringBuilder();
        code.Append($"# Generated from {header} by bindings/generator. Changes belong there.\n");
        code.Append(""""
            """The C ABI as it is: structures, handles, and one method per function. The package proper is written over it."""

            import ctypes
            import os

            from ._errors import AbiMismatchError, error_of
            from ._handle import Handle


            """");
        Constants(code, abi);
        Structures(code, abi);
        Callbacks(code, abi);
        Handles(code, abi);
        Signatures(code, abi);
        Library(code, abi);
        return new GeneratedFile("bindings/python/whispertrt/_abi.py", code.ToString());
    }

    private static void Constants(StringBuilder code, Abi abi)
    {
        (List<ConstantGroup> groups, List<Constant> single) = ConstantGroup.Split(abi);
        foreach (Constant constant in single.Concat(groups.SelectMany(group => group.Members.Select(member => member.Constant))))
        {
            Comment(code, constant.Doc!);
            code.Append($"{Names.WithoutPrefix(constant.Name)} = {constant.Value}\n");
        }
    }

    private static void Comment(StringBuilder code, string text)
    {
        foreach (string line in DocComment.Wrap(text, 116))
        {
            code.Append($"#: {line}\n");
        }
    }

    private static void Structures(StringBuilder code, Abi abi)
    {
        foreach (Struct type in abi.Structs)
        {
            code.Append($"\n\nclass {Names.Pascal(type.Name)}(ctypes.Structure):\n");
            code.Append($"    {Quoted(type.Doc!)}\n\n    _fields_ = [\n");
            foreach (Field field in type.Fields)
            {
                foreach (string line in DocComment.Wrap(DocComment.Of(type, field), 108))
                {
                    code.Append($"        # {line}\n");
                }

                code.Append($"        (\"{field.Name}\", {PythonTypes.Field(field.Type)}),\n");
            }

            code.Append("    ]\n");
        }
    }

    private static void Callbacks(StringBuilder code, Abi abi)
    {
        foreach (Callback callback in abi.Callbacks)
        {
            string types = string.Join(", ", callback.Parameters.Select(parameter => PythonTypes.Field(parameter.Type)));
            code.Append("\n\n");
            Comment(code, callback.Doc!);
            code.Append($"{Names.Pascal(callback.Name)} = ctypes.CFUNCTYPE(None, {types})\n");
        }
    }

    private static void Handles(StringBuilder code, Abi abi)
    {
        foreach (Handle handle in abi.Handles.Where(handle => handle.Name != Abi.ErrorHandle))
        {
            code.Append($"\n\nclass {PythonTypes.HandleName(handle.Name)}(Handle):\n    {Quoted(handle.Doc!)}\n\n");
            code.Append($"    __slots__ = ()\n    _release_function = \"{handle.ReleaseFunction}\"\n");
        }
    }

    private static void Signatures(StringBuilder code, Abi abi)
    {
        code.Append("\n\n#: Result and argument types of every function.\nSIGNATURES = {\n");
        foreach (Function function in abi.Functions)
        {
            string types = string.Join(", ", function.Parameters.Select(parameter => PythonTypes.Argument(parameter.Type)));
            string line = $"    \"{function.Name}\": ({PythonTypes.Result(abi, function)}, [{types}]),";
            code.Append(line.Length <= 120 ? line + "\n" : Broken(abi, function));
        }

        code.Append("}\n");
    }

    private static string Broken(Abi abi, Function function)
    {
        string types = string.Concat(function.Parameters.Select(parameter => $"            {PythonTypes.Argument(parameter.Type)},\n"));
        return $"    \"{function.Name}\": (\n        {PythonTypes.Result(abi, function)},\n        [\n{types}        ],\n    ),\n";
    }

    private static void Library(StringBuilder code, Abi abi)
    {
        code.Append(""""


            class Library:
                """The loaded library. A failed call raises; a handle passed in cannot be freed while the call runs.

                Parameters that the C function writes through take `ctypes.byref` or an array; new handles and events are returned.
                """

                def __init__(self, path):
                    self.path = os.fspath(path)
                    self.functions = ctypes.CDLL(self.path)
                    self._check_version()
                    for name, (result, arguments) in SIGNATURES.items():
                        function = getattr(self.functions, name)
                        function.restype = result
                        function.argtypes = arguments

                def _check_version(self):
                    try:
                        function = self.functions.wtrt_abi_version
                    except AttributeError:
                        raise AbiMismatchError(ERROR_ABI_MISMATCH, f"{self.path} is no WhisperTrt library.") from None
                    function.restype = ctypes.c_uint32
                    function.argtypes = []
                    major, minor = divmod(function(), 65536)
                    if major != ABI_MAJOR or minor < ABI_MINOR:
                        raise AbiMismatchError(
                            ERROR_ABI_MISMATCH,
                            f"{self.path} has ABI {major}.{minor}; this package needs {ABI_MAJOR}.x with x at least {ABI_MINOR}:"
                            " install package and library of the same version.",
                        )

                def _check(self, error):
                    if error:
                        functions = self.functions
                        try:
                            code = functions.wtrt_error_code(error)
                            message = functions.wtrt_error_message(error).decode("utf-8", "replace")
                        finally:
                            functions.wtrt_error_release(error)
                        raise error_of(code, message)

            """");
        foreach (Function function in abi.Functions.Where(function => !function.Name.StartsWith("wtrt_error_", StringComparison.Ordinal)))
        {
            Method(code, abi, function);
        }
    }

    private static void Method(StringBuilder code, Abi abi, Function function)
    {
        bool isBare = function.IsRelease; // called by Handle itself, with the address
        var parameters = new List<string> { "self" };
        var guarded = new List<string>();
        var arguments = new List<string>();
        Parameter? returned = null;
        foreach (Parameter parameter in function.Parameters)
        {
            string name = parameter.Name;
            if (IsReturned(abi, parameter.Type))
            {
                returned = parameter;
                arguments.Add("ctypes.byref(out)");
                continue;
            }

            parameters.Add(name);
            bool isHandle = parameter.Type is Pointer { Pointee: HandleType } && !isBare;
            guarded.AddRange(isHandle ? [$"{name} as {name}_pointer"] : []);
            arguments.Add(isHandle ? name + "_pointer" : name);
        }

        code.Append($"\n    def {Names.WithoutPrefix(function.Name)}({string.Join(", ", parameters)}):\n");
        code.Append($"        {Quoted(DocComment.Of(function), 8)}\n");
        if (returned is not null)
        {
            code.Append($"        out = {PythonTypes.ReturnedCell(returned.Type)}()\n");
        }

        string indent = "        ";
        if (guarded.Count > 0)
        {
            code.Append($"{indent}with {string.Join(", ", guarded)}:\n");
            indent += "    ";
        }

        string call = $"self.functions.{function.Name}({string.Join(", ", arguments)})";
        string check = $"{indent}self._check({call})\n";
        code.Append(!function.ReturnsError ? $"{indent}return {call}\n"
            : check.Length <= 121 ? check
            : $"{indent}error = {call}\n{indent}self._check(error)\n");
        if (returned is not null)
        {
            string result = returned.Type is Pointer { Pointee: Pointer { Pointee: HandleType handle } }
                ? $"{PythonTypes.HandleName(handle.Name)}(self.functions, out.value)"
                : "out if out else None";
            code.Append($"        return {result}\n");
        }
    }

    /// <summary>New handles and owned structs are a method's result; anything else that is written is the caller's memory.</summary>
    private static bool IsReturned(Abi abi, CType type) =>
        type is Pointer { Pointee: Pointer { Pointee: HandleType } }
        || (type is Pointer { Pointee: Pointer { Pointee: StructType owned } } && abi.IsOwned(owned.Name));

    /// <summary>A docstring, wrapped and escaped.</summary>
    private static string Quoted(string text, int indent = 4)
    {
        string escaped = text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"\"\"", "\\\"\\\"\\\"", StringComparison.Ordinal);
        List<string> lines = [.. DocComment.Wrap(escaped, 113 - indent)];
        if (lines.Count == 1 && !escaped.EndsWith('"'))
        {
            return $"\"\"\"{escaped}\"\"\"";
        }

        string margin = "\n" + new string(' ', indent);
        return $"\"\"\"{string.Join(margin, lines)}{margin}\"\"\"";
    }
}
