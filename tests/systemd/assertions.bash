# What the cases are told in: one line for each thing that has to hold, the state of the service, and the load on
# it. For tests/systemd/run; knows the container and the names of the package, and no case.

# holds SENTENCE COMMAND...: prints how it went, with what the command had to say when it failed.
holds() {
  local sentence=$1 output
  shift
  if output=$("$@" 2>&1); then
    passed=$((passed + 1))
    printf 'ok      %s\n' "$sentence"
  else
    failed=$((failed + 1))
    printf 'FAILED  %s: %s\n' "$sentence" "$*"
    printf '%s\n' "$output" | tail -15 | sed 's/^/        /'
  fi
}

equal() { [[ $1 == "$2" ]] || { printf 'expected: %s\nfound:    %s\n' "$2" "$1"; return 1; }; }

refused() { if "$@"; then echo "not refused: $*"; return 1; fi; }

contains() { grep -qF -- "$2" <<<"$1" || { printf 'no "%s" in:\n%s\n' "$2" "$1"; return 1; }; }

property() { inside systemctl show --property="$1" --value "${2:-wsgate.service}"; }

pid() { property MainPID; }

# is STATE, e.g. active, inactive, failed.
is() {
  equal "$(property ActiveState "${2:-}")" "$1" || { journal 20; return 1; }
}

journal() { inside journalctl --unit=wsgate.service --no-pager --output=cat --lines="$1"; }

# says TEXT: in the last lines of the service's journal, soon.
says() {
  inside journalctl --sync || true
  wait_for 20 logged "$1" || { journal 20; return 1; }
}
logged() { journal 200 | grep -qF -- "$1"; }

other_pid() { local now; now=$(pid) && ((now > 0 && now != $1)); }

takes_over_from() { wait_for 60 other_pid "$1" || { journal 20; return 1; }; }

ends_by_itself() { wait_for 60 ended "$1" || { inside ps -ef; return 1; }; }
ended() { ! inside test -d "/proc/$1"; }

# The main process is the file that is installed now, not one that an upgrade has deleted.
runs_what_is_installed() { equal "$(inside readlink "/proc/$(pid)/exe")" /usr/bin/wsgate; }

restarts_are() { equal "$(property NRestarts)" "$1"; }

# configure ADDRESS [LINE...]: the packaged example with the listener, a drain that fits a test, and more.
configure() {
  local address=$1
  shift
  inside cat /usr/share/doc/wsgate/examples/minimal.toml |
    sed -e "s#^address = [^ ]*#address = \"$address\"#" >"$work/gateway.toml"
  printf '\n[gateway.drain]\nspread = "2s"\ntimeout = "8s"\n' >>"$work/gateway.toml"
  (($# == 0)) || printf '%s\n' "$@" >>"$work/gateway.toml"
  put "$work/gateway.toml" /etc/wsgate/gateway.toml 640 wsgate
}

edit() { sed -i "$1" "$work/gateway.toml" && put "$work/gateway.toml" /etc/wsgate/gateway.toml 640 wsgate; }

# One client, from TCP to an echo.
serves() {
  local outcome
  outcome=$(load 1 1 0.1)
  contains "$outcome" '"fine": 1' || { journal 20; return 1; }
}

# load RATE SECONDS HOLD
load() { beside python3 "$here/peer.py" load 443 "$work/certs/dev-root.crt" "$@" 2>&1; }

# begin_load SECONDS: at $RATE new sockets a second, each living for 3 s.
begin_load() {
  load "$RATE" "$1" 3 >"$work/load.json" &
  loading=$!
  wait_for 30 streaming || true # whether sockets lived is asked afterwards, too
}

# Sockets are open all the while: what follows happens under load.
streaming() { (($(beside ss -Htn state established 'sport = :443' | wc -l) > RATE / 2)); }

end_load() {
  wait "$loading" || true
  loading=''
  printf '        %s\n' "$(cat "$work/load.json")"
}

# Every connection came through, and ended as it should: by its own Close, or by one of a drain.
nobody_was_refused() {
  refused grep -E '"(refused|reset|declined|timed_out|broken)":' "$work/load.json" && grep '"fine":' "$work/load.json"
}

load_was_on() { (($(sed -n 's/.*"rate": \([0-9]*\).*/\1/p' "$work/load.json") >= RATE * 3 / 4)); }

# Live sockets of the process that ended were told so.
some_were_drained() { grep '"closed_1012":' "$work/load.json"; }

# installs VERSION: what dpkg said is in $work/dpkg.log.
installs() {
  put "$(echo "$work/debs/wsgate_$1_"*.deb)" /root/wsgate.deb
  inside env DEBIAN_FRONTEND=noninteractive dpkg --install /root/wsgate.deb >"$work/dpkg.log" 2>&1 ||
    { cat "$work/dpkg.log"; return 1; }
}

dpkg_said() { contains "$(cat "$work/dpkg.log")" "$1"; }
