namespace WhisperTrt.Cli;

/// <summary>What a shell loads to complete <c>whispertrt</c>; each script asks the program that is being typed, by <c>complete</c>.</summary>
internal static class CompletionScripts
{
    /// <summary>bash: a colon or an equals sign cuts words there; nothing that is completed here has one.</summary>
    internal const string Bash = """
        # Completion of whispertrt for bash:  source <(whispertrt completion bash)
        _whispertrt() {
          local line
          COMPREPLY=()
          while IFS= read -r line; do
            COMPREPLY+=("$line")
          done < <("${COMP_WORDS[0]/#\~/$HOME}" complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
        }
        complete -o default -F _whispertrt whispertrt

        """;

    internal const string Zsh = """
        #compdef whispertrt
        # Completion of whispertrt for zsh:  source <(whispertrt completion zsh)
        _whispertrt() {
          local -a found
          found=("${(@f)$("${words[1]/#\~/$HOME}" complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
          if [[ -n "${found[1]}" ]]; then
            compadd -a found
          else
            _files
          fi
        }
        compdef _whispertrt whispertrt

        """;

    internal const string PowerShell = """
        # Completion of whispertrt for PowerShell:  whispertrt completion pwsh | Out-String | Invoke-Expression
        Register-ArgumentCompleter -Native -CommandName whispertrt -ScriptBlock {
          param($wordToComplete, $commandAst, $cursorPosition)
          $words = @($commandAst.CommandElements | Select-Object -Skip 1 |
            Where-Object { $_.Extent.StartOffset -lt $cursorPosition } | ForEach-Object { $_.ToString() })
          if ($wordToComplete -eq '') { $words += '' }
          & $commandAst.CommandElements[0].ToString() complete -- @words | ForEach-Object {
            [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
          }
        }

        """;
}
