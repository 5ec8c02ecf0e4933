using System.Globalization;
using System.Text;
using static WhisperTrt.Generator.LibClang;

namespace WhisperTrt.Generator;

/// <summary>Walks the header's syntax tree and returns what it declares; judges nothing (see <see cref="AbiRules"/>).</summary>
internal sealed unsafe class HeaderReader
{
    private readonly string[] _lines;
    private readonly List<Constant> _constants = [];
    private readonly Dictionary<string, Struct> _structs = [];
    private readonly Dictionary<string, Handle> _handles = [];
    private readonly Dictionary<string, Callback> _callbacks = [];
    private readonly List<Function> _functions = [];
    private nint _unit;

    private HeaderReader(string path) => _lines = File.ReadAllLines(path);

    internal static Abi Read(string path)
    {
        if (!File.Exists(path))
        {
            throw new GeneratorException($"The header {path} does not exist; name it with --header.");
        }

        var reader = new HeaderReader(path);
        nint index = CreateIndex(0, 0);
        try
        {
            reader._unit = Parse(index, path);
            reader.RefuseDiagnostics();
            reader.Walk();
        }
        finally
        {
            if (reader._unit != 0)
            {
                DisposeTranslationUnit(reader._unit);
            }

            DisposeIndex(index);
        }

        return new Abi(
            reader._constants,
            [.. reader._handles.Values],
            [.. reader._structs.Values],
            [.. reader._callbacks.Values],
            reader._functions);
    }

    private static nint Parse(nint index, string path)
    {
        // One fixed target and our own two headers: the result is the same on every machine and for every libclang.
        string[] arguments =
        [
            "-xc", "-std=c11", "-pedantic", "-Wall", "-Wextra", "-Wno-unused-function", "-target", "x86_64-unknown-linux-gnu",
            "-nostdinc", "-isystem", Path.Combine(AppContext.BaseDirectory, "include"), "-fparse-all-comments",
        ];
        byte[][] bytes = [.. arguments.Select(argument => Encoding.UTF8.GetBytes(argument + "\0"))];
        byte*[] pointers = new byte*[bytes.Length];
        var pins = bytes.Select(text => System.Runtime.InteropServices.GCHandle.Alloc(text, System.Runtime.InteropServices.GCHandleType.Pinned)).ToArray();
        for (int i = 0; i < pins.Length; i++)
        {
            pointers[i] = (byte*)pins[i].AddrOfPinnedObject();
        }

        nint unit = 0;
        int status;
        fixed (byte* file = Encoding.UTF8.GetBytes(path + "\0"))
        fixed (byte** argv = pointers)
        {
            status = ParseTranslationUnit(index, file, argv, pointers.Length, 0, 0, DetailedPreprocessingRecord, &unit);
        }

        foreach (System.Runtime.InteropServices.GCHandle pin in pins)
        {
            pin.Free();
        }

        return status == 0 ? unit : throw new GeneratorException($"libclang could not parse {path} (CXErrorCode {status}).");
    }

    private void RefuseDiagnostics()
    {
        var messages = new List<string>();
        for (uint i = 0; i < GetNumDiagnostics(_unit); i++)
        {
            nint diagnostic = GetDiagnostic(_unit, i);
            messages.Add(Take(FormatDiagnostic(diagnostic, 1)) ?? "");
            DisposeDiagnostic(diagnostic);
        }

        if (messages.Count > 0)
        {
            throw new GeneratorException("The header does not compile cleanly as C11:\n  " + string.Join("\n  ", messages));
        }
    }

    private void Walk()
    {
        List<Cursor> declarations = [.. Children(GetTranslationUnitCursor(_unit)).Where(cursor => IsFromMainFile(GetCursorLocation(cursor)) != 0)];

        // Types first: whether a name is a handle or a struct decides how a function's parameters are read.
        foreach (Cursor cursor in declarations.Where(cursor => cursor.Kind == CursorKind.TypedefDecl))
        {
            DeclareType(cursor);
        }

        foreach (Cursor cursor in declarations)
        {
            switch (cursor.Kind)
            {
                case CursorKind.MacroDefinition:
                    ReadMacro(cursor);
                    break;
                case CursorKind.StructDecl:
                    FillStruct(cursor);
                    break;
                case CursorKind.FunctionDecl:
                    ReadFunction(cursor);
                    break;
                case CursorKind.TypedefDecl:
                    FillCallback(cursor);
                    break;
                case CursorKind.MacroExpansion or CursorKind.InclusionDirective:
                    break;
                default:
                    throw Refuse(cursor, $"is a declaration of a kind ({cursor.Kind}) that the ABI does not allow; allowed are integer #defines, opaque handles, structs, one callback and functions.");
            }
        }
    }

    private void DeclareType(Cursor typedef)
    {
        string name = Name(typedef);
        LibClang.Type type = GetTypedefUnderlyingType(typedef);
        int line = Line(typedef);
        if (type.Kind == TypeKind.Pointer && GetPointeeType(type).Kind is not (TypeKind.Typedef or TypeKind.Record or TypeKind.Elaborated))
        {
            _callbacks.Add(name, new Callback(name, new Scalar("void"), [], Comment(typedef), line));
            return;
        }

        Cursor record = GetTypeDeclaration(type);
        if (record.Kind != CursorKind.StructDecl || Name(record) != name)
        {
            throw Refuse(typedef, "is a typedef of something other than a struct of the same name or a function pointer.");
        }

        if (Children(record).Any(child => child.Kind == CursorKind.FieldDecl))
        {
            _structs.Add(name, new Struct(name, Comment(typedef) ?? Comment(record), line, 0, 0, []));
        }
        else
        {
            _handles.Add(name, new Handle(name, Comment(typedef) ?? Comment(record), line));
        }
    }

    private void FillStruct(Cursor cursor)
    {
        string name = Name(cursor);
        if (_handles.ContainsKey(name))
        {
            return;
        }

        if (!_structs.TryGetValue(name, out Struct? declared))
        {
            throw Refuse(cursor, "is a struct without a typedef of the same name.");
        }

        var fields = new List<Field>();
        foreach (Cursor child in Children(cursor))
        {
            if (child.Kind != CursorKind.FieldDecl)
            {
                throw Refuse(child, $"is a {child.Kind} inside {name}; a struct holds plain fields.");
            }

            LibClang.Type type = GetCursorType(child);
            fields.Add(new Field(
                Name(child), ReadType(type), Comment(child), Line(child), checked((int)(GetOffsetOfFieldInBits(child) / 8)), checked((int)GetSizeOf(type))));
        }

        LibClang.Type structType = GetCursorType(cursor);
        _structs[name] = declared with { Size = checked((int)GetSizeOf(structType)), Alignment = checked((int)GetAlignOf(structType)), Fields = fields };
    }

    private void FillCallback(Cursor typedef)
    {
        if (_callbacks.TryGetValue(Name(typedef), out Callback? callback))
        {
            LibClang.Type function = GetPointeeType(GetTypedefUnderlyingType(typedef));
            _callbacks[callback.Name] = callback with { Result = ReadType(GetResultType(function)), Parameters = ReadParameters(typedef) };
        }
    }

    private void ReadFunction(Cursor cursor)
    {
        LibClang.Type type = GetCursorType(cursor);
        if (IsVariadic(type) != 0 || type.Kind != TypeKind.FunctionProto)
        {
            throw Refuse(cursor, "takes a variable or unknown number of arguments.");
        }

        if (Children(cursor).Any(child => child.Kind == CursorKind.CompoundStmt))
        {
            throw Refuse(cursor, "has a body; the header only declares.");
        }

        _functions.Add(new Function(Name(cursor), ReadType(GetResultType(type)), ReadParameters(cursor), Comment(cursor), Line(cursor)));
    }

    private List<Parameter> ReadParameters(Cursor cursor) =>
        [.. Children(cursor).Where(child => child.Kind == CursorKind.ParmDecl).Select(child => new Parameter(Name(child), ReadType(GetCursorType(child))))];

    private CType ReadType(LibClang.Type type)
    {
        switch (type.Kind)
        {
            case TypeKind.Pointer:
                LibClang.Type pointee = GetPointeeType(type);
                return new Pointer(ReadType(pointee), IsConst(pointee) != 0);
            case TypeKind.Typedef or TypeKind.Elaborated or TypeKind.Record:
                string name = Name(GetTypeDeclaration(type));
                return _handles.ContainsKey(name) ? new HandleType(name)
                    : _structs.ContainsKey(name) ? new StructType(name)
                    : _callbacks.ContainsKey(name) ? new CallbackType(name)
                    : new Scalar(name);
            case TypeKind.Void:
                return new Scalar("void");
            case TypeKind.CharS or TypeKind.CharU:
                return new Scalar("char");
            case TypeKind.Float:
                return new Scalar("float");
            case TypeKind.Double:
                return new Scalar("double");
            default:
                return new Scalar(Take(GetTypeSpelling(type)) ?? "?");
        }
    }

    private void ReadMacro(Cursor cursor)
    {
        string name = Name(cursor);
        List<string> tokens = Tokens(cursor);
        tokens.RemoveAt(0);
        if (name == "WTRT_API" || (tokens.Count == 0 && !name.StartsWith("WTRT_", StringComparison.Ordinal)))
        {
            return; // visibility and the include guard
        }

        if (IsMacroFunctionLike(cursor) != 0 || !TryEvaluate(tokens, out long value))
        {
            throw Refuse(cursor, $"is a macro that is no integer constant: {string.Join(' ', tokens)}");
        }

        int line = Line(cursor);
        _constants.Add(new Constant(name, value, CommentAbove(line), line));
    }

    /// <summary>An integer literal, perhaps negative, perhaps in parentheses.</summary>
    private static bool TryEvaluate(List<string> tokens, out long value)
    {
        ReadOnlySpan<string> rest = tokens.ToArray();
        while (rest.Length > 2 && rest[0] == "(" && rest[^1] == ")")
        {
            rest = rest[1..^1];
        }

        bool negative = rest.Length == 2 && rest[0] == "-";
        value = 0;
        if (rest.Length != (negative ? 2 : 1))
        {
            return false;
        }

        string literal = rest[^1];
        bool read = literal.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
            ? long.TryParse(literal.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value)
            : long.TryParse(literal, NumberStyles.None, CultureInfo.InvariantCulture, out value);
        value = negative ? -value : value;
        return read;
    }

    private List<string> Tokens(Cursor cursor)
    {
        Token* tokens;
        uint count;
        Tokenize(_unit, GetCursorExtent(cursor), &tokens, &count);
        var texts = new List<string>();
        for (uint i = 0; i < count; i++)
        {
            texts.Add(Take(GetTokenSpelling(_unit, tokens[i])) ?? "");
        }

        DisposeTokens(_unit, tokens, count);
        return texts;
    }

    private static string? Comment(Cursor cursor) => DocComment.Clean(Take(GetRawCommentText(cursor)));

    /// <summary>libclang attaches no comments to macros: the doc comment that ends on the line above belongs to it.</summary>
    private string? CommentAbove(int line)
    {
        int last = line - 2;
        if (last < 0 || !_lines[last].TrimEnd().EndsWith("*/", StringComparison.Ordinal))
        {
            return null;
        }

        int first = last;
        while (first > 0 && !_lines[first].Contains("/*", StringComparison.Ordinal))
        {
            first--;
        }

        string comment = string.Join('\n', _lines[first..(last + 1)]).Trim();
        return comment.StartsWith("/**", StringComparison.Ordinal) ? DocComment.Clean(comment) : null;
    }

    private static string Name(Cursor cursor) => Take(GetCursorSpelling(cursor)) ?? "";

    private static int Line(Cursor cursor)
    {
        uint line;
        GetExpansionLocation(GetCursorLocation(cursor), null, &line, null, null);
        return checked((int)line);
    }

    private static GeneratorException Refuse(Cursor cursor, string why) => new($"line {Line(cursor)}: {Name(cursor)} {why}");
}
