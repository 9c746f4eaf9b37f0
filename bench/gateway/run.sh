#!/bin/sh
# CPU time a request costs in the gateway and in its peers, one after the other on the same machine in one run.
# Usage: bench/gateway/run.sh   (PEERS=python with tensorzero, openai and litellm[proxy]; without it only ours is measured; SKIP_BUILD=1 takes what is built)
set -eu
cd "$(dirname "$0")/../.."
bin=${CARGO_TARGET_DIR:-target}/release/examples
[ -n "${SKIP_BUILD:-}" ] || cargo build --release -p casemate-gateway --examples
requests=${REQUESTS:-20000}
clients=${CLIENTS:-8}
work=$(mktemp -d)
pids=
trap 'for p in $pids; do kill "$p" 2>/dev/null || true; done; rm -rf "$work"' EXIT
line() { # waits until FILE has a line and prints it
    for _ in $(seq 600); do [ -s "$1" ] && head -n 1 "$1" && return; sleep 0.1; done
    echo "nothing in $1" >&2; return 1
}
"$bin/load" stub >"$work/stub" & pids="$pids $!"
stub=http://$(line "$work/stub")
echo "date $(date -u +%F) machine $(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg)"
for profile in off limits text all; do
    mkfifo "$work/in.$profile"
    "$bin/serve" "$stub" $profile 127.0.0.1:0 "${KEYS:-10000}" <"$work/in.$profile" >"$work/$profile" & pid=$!; pids="$pids $pid"
    exec 3>"$work/in.$profile"
    set -- $(line "$work/$profile")
    grep VmRSS /proc/$pid/status | sed "s/^/casemate $profile at rest /"
    echo "casemate $profile $("$bin/load" run "http://$1/v1/chat/completions" "$2" $pid "$requests" "$clients")"
    echo "casemate $profile stream $("$bin/load" run "http://$1/v1/chat/completions" "$2" $pid "$requests" "$clients" stream)"
    echo "casemate $profile 16k $("$bin/load" run "http://$1/v1/chat/completions" "$2" $pid "$((requests / 5))" "$clients" 16k)"
    echo "casemate $profile chat $("$bin/load" run "http://$1/v1/chat/completions" "$2" $pid "$requests" "$clients" chat)"
    grep VmRSS /proc/$pid/status | sed "s/^/casemate $profile /"
    exec 3>&-
    wait $pid || true
    # How many texts of requests were known, and how many had to be judged, in all four runs together.
    tail -n +2 "$work/$profile" | sed "s/^/casemate $profile texts /"
done
[ -n "${PEERS:-}" ] || exit 0
mkfifo "$work/in.t0"
"$PEERS" bench/gateway/serve_tensorzero.py "$stub" <"$work/in.t0" >"$work/t0" 2>"$work/t0.log" & pid=$!; pids="$pids $pid"
exec 3>"$work/in.t0"
# It writes its log to standard output as well.
for _ in $(seq 600); do grep -q '^http' "$work/t0" && break; sleep 0.1; done
base=$(grep -m 1 '^http' "$work/t0")
echo "tensorzero $("$bin/load" run "${base%/}/chat/completions" unused $pid "$((requests / 4))" "$clients" tensorzero::model_name::bench)"
echo "tensorzero 16k $("$bin/load" run "${base%/}/chat/completions" unused $pid "$((requests / 10))" "$clients" 16k tensorzero::model_name::bench)"
exec 3>&-
kill $pid 2>/dev/null || true
cat >"$work/litellm.yaml" <<EOF
model_list:
  - model_name: bench
    litellm_params: {model: openai/bench, api_base: $stub/v1, api_key: unused}
litellm_settings: {telemetry: false}
EOF
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
# It does not start without a key of its own; this one is made for the run.
master=sk-$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
LITELLM_MASTER_KEY=$master "$(dirname "$PEERS")/litellm" --config "$work/litellm.yaml" --host 127.0.0.1 --port "$port" >"$work/litellm.log" 2>&1 & pid=$!; pids="$pids $pid"
for _ in $(seq 600); do
    python3 -c "import urllib.request as u; u.urlopen('http://127.0.0.1:$port/health/liveliness', timeout=1)" 2>/dev/null && break
    sleep 0.2
done
echo "litellm $("$bin/load" run "http://127.0.0.1:$port/v1/chat/completions" "$master" $pid "$((requests / 40))" "$clients")"
echo "litellm 16k $("$bin/load" run "http://127.0.0.1:$port/v1/chat/completions" "$master" $pid "$((requests / 80))" "$clients" 16k)"
