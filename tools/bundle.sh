#!/usr/bin/env bash
# Makes PREFIX/lib self-contained: every shared library that ours need comes beside them, each patched to find its
# neighbours by $ORIGIN, with its copyright file in PREFIX/notices. Stays outside: glibc, which belongs to the system, and
# FFmpeg, whose Debian build is GPL; our FFmpeg module finds the system's, or says what to install.
# usage: tools/bundle.sh BUILD_FOLDER PREFIX
set -euo pipefail
# shellcheck source=tools/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

glibc='^(ld-linux.*|linux-vdso|libc|libm|libdl|libpthread|librt|libresolv|libutil|libanl|libmvec)\.so'
never='^(libav(codec|device|filter|format|util)|libsw(resample|scale)|libpostproc)\.so'

# libraries_of FILE...: name and path of everything these need, directly or not.
libraries_of() {
  ldd "$@" | awk '$2 == "=>" && $3 ~ /^\// { print $1, $3 }' | sort -u
}

copy_libraries() {
  local lib=$1 name path
  while read -r name path; do
    if [[ $name =~ $glibc ]]; then continue; fi
    if [[ $name =~ $never ]]; then die "libwhispertrt.so must not need $name: FFmpeg belongs in its module alone"; fi
    if [ "$path" = "$lib/$name" ]; then continue; fi
    install -m 755 "$path" "$lib/$name"
    printf '%s %s\n' "$name" "$path"
  done < <(libraries_of "$lib/libwhispertrt.so")
}

patch_libraries() {
  local lib=$1 file
  for file in "$lib"/*.so*; do
    if [ -L "$file" ]; then continue; fi
    # DT_RPATH comes before LD_LIBRARY_PATH, so neighbours are always preferred. It is inherited by what a library loads,
    # which the system's FFmpeg must be spared: its module gets DT_RUNPATH.
    if [ "$(basename "$file")" = libwhispertrt_ffmpeg.so ]; then
      patchelf --set-rpath "\$ORIGIN" "$file"
    else
      patchelf --force-rpath --set-rpath "\$ORIGIN" "$file"
    fi
  done
}

# owner_of PATH: the Debian package a library comes from (/lib and /usr/lib are one folder with two names).
owner_of() {
  local real
  real=$(readlink -f "$1")
  { dpkg-query -S "$real" || dpkg-query -S "${real#/usr}"; } 2>/dev/null | head -n 1 | cut -d: -f1
}

copy_notices() {
  local notices=$1 name path package texts
  while read -r name path; do
    package=$(owner_of "$path") || true
    if [ -z "$package" ]; then die "no Debian package owns $path: its copyright file is not known, so it cannot be bundled"; fi
    cp -L "/usr/share/doc/$package/copyright" "$notices/$package.copyright"
    printf '%s\t%s\t%s\n' "$name" "$package" "$(dpkg-query -W -f '${Version}' "$package")" >>"$notices/BUNDLED.tsv"
  done
  # The licences that the copyright files refer to by path.
  mapfile -t texts < <(grep -hoE '/usr/share/common-licenses/[A-Za-z0-9.-]*[A-Za-z0-9]' "$notices"/*.copyright | sort -u)
  mkdir -p "$notices/common-licenses"
  for path in "${texts[@]}"; do
    if [ -e "$path" ]; then cp -L "$path" "$notices/common-licenses/"; fi
  done
}

# What our own library is made of.
copy_own_notices() {
  local licence
  cp "$root/LICENSE" "$root/THIRD-PARTY-NOTICES.md" "$1/"
  for licence in "$root"/third_party/*/LICENSE; do
    install -D -m 644 "$licence" "$1/third_party/$(basename "$(dirname "$licence")")/LICENSE"
  done
  install -D -m 644 "$root/models/silero-vad/LICENSE" "$1/silero-vad/LICENSE"
}

# Every needed name must now be glibc's or a neighbour; the FFmpeg module alone may ask the system for FFmpeg.
check() {
  local lib=$1 file name
  for file in "$lib"/*.so*; do
    for name in $(patchelf --print-needed "$file"); do
      if [[ $name =~ $glibc ]] || [ -e "$lib/$name" ]; then continue; fi
      if [[ $name =~ $never ]] && [ "$(basename "$file")" = libwhispertrt_ffmpeg.so ]; then continue; fi
      die "$(basename "$file") needs $name, which is not in $lib"
    done
  done
}

main() {
  local build=$1 prefix=$2
  rm -rf "${prefix:?}/lib" "$prefix/include" "$prefix/notices"
  cmake --install "$build" --prefix "$prefix" --strip >/dev/null
  mkdir -p "$prefix/notices"
  copy_libraries "$prefix/lib" | copy_notices "$prefix/notices"
  patch_libraries "$prefix/lib"
  check "$prefix/lib"
  copy_own_notices "$prefix/notices"
}

main "$@"
