# Sourced by build.sh and the scripts in tools/: where things are, how to speak.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
artifacts=$root/artifacts
release=$root/build/release
# The system's own Python, because numpy and pytest come from Debian's packages.
python=${WTRT_PYTHON:-/usr/bin/python3}
jobs=${WTRT_JOBS:-$(nproc)}

# The compiler cache serves every clone of this repository, wherever it lies.
export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1

say() { printf '== %s\n' "$*"; }
warn() { printf '!! %s\n' "$*" >&2; }
die() {
  warn "$@"
  exit 1
}
