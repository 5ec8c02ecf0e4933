#!/usr/bin/env pwsh
# The same verbs as build.sh, from PowerShell: `./build.ps1 build`, `./build.ps1 run transcribe samples/reader.flac`.
# The steps live in build.sh alone.
$ErrorActionPreference = 'Stop'
if ($IsWindows) {
  Write-Error 'The core builds on Linux: run this inside WSL.'
  exit 1
}
& (Join-Path $PSScriptRoot 'build.sh') @args
exit $LASTEXITCODE
