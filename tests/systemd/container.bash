# A Debian with systemd as init, in a container without a network: made, booted, entered and ended. For
# tests/systemd/run; knows nothing of wsgate. Sets `leader`, the container's init as seen from outside.

readonly RELEASE=bookworm PACKAGES=systemd,systemd-sysv,dbus,ca-certificates,procps,nginx-light,curl,openssl
readonly MAKE=1200 BOOT=120 SHUTDOWN=30 EACH=180 # seconds; EACH for one command inside
readonly machine=wsgate-test-$$

nspawn='' leader='' groups=()

# make_system FOLDER: a root file system, once for each list of packages.
make_system() {
  local folder=$1 site proxy http_proxy=''
  [[ $(cat "$folder.made" 2>/dev/null) != "$RELEASE $PACKAGES" ]] || return 0
  # Where this machine gets its own packages from.
  site=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    awk -v release="$RELEASE" '$1 == release && !found { print $2; found = 1 }') || true
  proxy=$(apt-config shell http_proxy Acquire::http::Proxy 2>/dev/null) && eval "$proxy"
  rm -rf --one-file-system -- "$folder" "$folder.made"
  http_proxy=$http_proxy timeout "$MAKE" debootstrap --variant=minbase --include="$PACKAGES" \
    "$RELEASE" "$folder" "${site:-http://deb.debian.org/debian}" >"$folder.log" 2>&1 ||
    { tail -5 "$folder.log"; return 1; }
  # nginx waits until it is wanted.
  rm -f -- "$folder/etc/systemd/system/multi-user.target.wants/nginx.service"
  echo "$RELEASE $PACKAGES" >"$folder.made"
}

# boot FOLDER: changes stay in memory, so that every run begins with the same system. The machine ends with this
# shell, however that ends.
boot() {
  local folder=$1
  mapfile -t groups < <(own_groups)
  (
    enter_groups || true
    exec setpriv --pdeathsig TERM systemd-nspawn --quiet --boot --directory="$folder" --volatile=overlay \
      --machine="$machine" --hostname=gateway --register=no --keep-unit --private-network
  ) </dev/null >"$folder.console" 2>&1 &
  nspawn=$!
  wait_for "$BOOT" booted && await_init || { tail -5 "$folder.console"; return 1; }
}

# Control groups of its own, so that two machines do not share theirs: the same path in each hierarchy, as nspawn
# has it. Where that is not allowed, nspawn finds out what is.
enter_groups() {
  local folder
  for folder in $(own_groups); do
    mkdir -p "$folder" && echo "$BASHPID" >"$folder/cgroup.procs"
  done
} 2>/dev/null

own_groups() {
  local path mount
  path=$(sed -n 's/^0:://p; s/^[0-9]*:name=systemd://p' /proc/self/cgroup | tail -1)
  for mount in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
    [[ ! -e $mount/cgroup.procs ]] || echo "$mount${path%/}/$machine"
  done
}

# Its own, and those of a run that was killed.
leave_groups() {
  local prefix folder
  for prefix in "${groups[@]%$$}"; do
    for folder in "$prefix"*; do
      [[ $folder != "$prefix$$" && -d /proc/${folder#"$prefix"} ]] ||
        find "$folder" -depth -type d -exec rmdir -- {} \; 2>/dev/null || true
    done
  done
}

booted() {
  gone "$nspawn" && return 0 # await_init tells
  leader=$(pgrep -P "$nspawn" -x systemd) && [[ -n $leader ]] && inside test -S /run/systemd/private
}

# `degraded` is up, too: a container has no use for some units.
await_init() {
  local state
  [[ -n $leader ]] || return 1
  state=$(inside timeout "$BOOT" systemctl is-system-running --wait 2>&1) || true
  [[ $state == running || $state == degraded ]] || { echo "the container's systemd says: $state"; return 1; }
}

# inside COMMAND...: as root in the container.
inside() {
  timeout "$EACH" nsenter --target "$leader" --all env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 "$@"
}

# beside COMMAND...: this machine's programs on the container's loopback.
beside() { timeout "$EACH" nsenter --target "$leader" --net "$@"; }

# put FILE PATH [MODE [GROUP]]: a file of this machine's into the container.
put() {
  inside sh -c "cat >'$2.new' && chmod '${3:-644}' '$2.new' && chgrp '${4:-root}' '$2.new' && mv '$2.new' '$2'" <"$1"
}

shut_down() {
  [[ -n $nspawn ]] || return 0
  kill -TERM "$nspawn" 2>/dev/null || true # asks its init to power off
  wait_for "$SHUTDOWN" gone "$nspawn" || kill -KILL "$nspawn" 2>/dev/null || true
  wait "$nspawn" 2>/dev/null || true
  nspawn=''
  leave_groups
}

gone() { ! kill -0 "$1" 2>/dev/null; }

# wait_for SECONDS COMMAND...: asks every 0.1 s.
wait_for() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || return 1
    sleep 0.1
  done
}
