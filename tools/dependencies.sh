# Sourced: brings what a verb needs and the machine lacks.
# shellcheck shell=bash

# packages_of GROUP...: the package names of these groups of debian-packages.txt.
packages_of() {
  awk -v wanted=" $* " '
    { sub(/#.*/, ""); gsub(/[ \t]+/, "") }
    /^\[.*\]$/ { group = substr($0, 2, length($0) - 2); next }
    $0 != "" && index(wanted, " " group " ") { print }
  ' "$root/tools/debian-packages.txt" | sort -u
}

# missing_of PACKAGE...: those that are not installed.
missing_of() {
  comm -23 <(printf '%s\n' "$@" | sort -u) \
    <(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null | awk '$2 == "installed" { print $1 }' | sort -u)
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "root is needed and sudo is not there; as root run: $*"
  fi
}

# need GROUP...: installs what is missing of these groups and says what; silent when all is there.
need() {
  local packages missing
  mapfile -t packages < <(packages_of "$@")
  if ! command -v dpkg-query >/dev/null; then
    warn "this is no Debian: making sure of these is up to you: ${packages[*]}"
    return
  fi
  mapfile -t missing < <(missing_of "${packages[@]}")
  if [ ${#missing[@]} -eq 0 ]; then return; fi
  say "installing Debian packages: ${missing[*]}"
  as_root apt-get update -q </dev/null
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" </dev/null
}

# have_dotnet: is there a .NET SDK of version 10 or later?
have_dotnet() {
  command -v dotnet >/dev/null && dotnet --list-sdks 2>/dev/null | grep -qE '^[1-9][0-9]\.'
}
