#!/usr/bin/env bash
# The quick look at the architecture: every dependency rule over src/, in about a second.
# Fails when a rule is broken, and when the cruiser saw hardly any module, for then it checked nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=$(node_modules/.bin/depcruise src --config .dependency-cruiser.cjs --no-progress 2>&1) || { printf '%s\n' "$out"; exit 1; }
seen=$(sed -n 's/.*(\([0-9]*\) modules, \([0-9]*\) dependencies cruised).*/\1/p' <<<"$out")
have=$(find src -name '*.ts' | wc -l)
if [ "${seen:-0}" -lt "$have" ]; then
  printf '%s\n' "$out" "architecture: the cruiser saw ${seen:-0} modules of $have; it is blind (is the TypeScript 6 API installed?)"
  exit 1
fi
printf '%s\n' "$out"
