#!/usr/bin/env bash
# compute-sanitizer over the small shapes of each test_gpu_* program: memcheck and racecheck, all side by side.
# usage: tests/gpu/sanitize.sh FOLDER [SECONDS]   FOLDER holds the programs; one that takes longer than SECONDS (50) is cut and fails
set -uo pipefail
folder=$1
limit=${2:-50}
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

# The tools make a kernel up to a hundred times slower, so: what is small, and no program's benches.
filter_of() {
  case $1 in
    attention) echo 'Attention.IsRightForAnyNumberOfPositions:Attention.Refuses*' ;;
    beam_select) echo 'BeamSelect.IsTheTwinWithManyBeams' ;;
    decoder) echo 'SelfAttention.Is*:CrossAttention.Is*:AlignmentScores.*:Embed.*:Caches.*' ;;
    gemm) echo '*GemmOf.EveryTacticIsRightOnRaggedShapes*:*GemmOf.TheAutomaticTactic*:Gemm.Nothing*' ;;
    log_mel) echo 'LogMel.Frames*:LogMel.Refuses*' ;;
    policy) echo 'TokenProbabilities.*:NoSpeech.*:LogitsPolicy.*' ;;
    token_linear) echo 'TokenLinear.IsWhat*:TokenLinear.Refuses*' ;;
    *) echo '-*Bench*' ;;
  esac
}

check() { # TOOL PROGRAM NAME
  local code=0
  timeout --kill-after 5 "$limit" compute-sanitizer --tool "$1" --error-exitcode 9 --print-limit 5 \
    "$2" --gtest_brief=1 --gtest_filter="$(filter_of "$3")" >"$logs/$3.$1" 2>&1 || code=$?
  echo "$code" >"$logs/$3.$1.code"
}

for program in "$folder"/test_gpu_*; do
  name=$(basename "$program")
  for tool in memcheck racecheck; do check "$tool" "$program" "${name#test_gpu_}" & done
done
wait

failed=0
for file in "$logs"/*.code; do
  log=${file%.code} code=$(cat "$file")
  case $code in
    0) said=clean ;;
    124 | 137) said="cut after $limit s" ;;
    *) said="exit code $code" ;;
  esac
  printf '%-26s %-18s %s\n' "$(basename "$log")" "$said" "$(grep -E 'SUMMARY|PASSED' "$log" | tr -s ' =' | tr '\n' ';')"
  [ "$code" = 0 ] && continue
  failed=$((failed + 1))
  head -c 3000 "$log"
done
[ "$failed" = 0 ]
