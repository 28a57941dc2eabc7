# The service: started without, with and with a wrong configuration, reloaded, handed over, stuck, with credentials.
# For tests/systemd/run; each begins with what the one before has left.

unconfigured() {
  holds 'an unconfigured package installs' installs 0.1.0-1
  holds 'with a program without debug information' equal "$(debug_sections)" ''
  holds 'and says what to do' dpkg_said '/usr/share/doc/wsgate/examples/minimal.toml'
  holds 'the service is not started, and has not failed' is inactive
  holds 'its journal says why' says 'not configured yet: write /etc/wsgate/gateway.toml'
  holds 'it is not started again and again' restarts_are 0
  holds 'starting it by hand is no failure either' inside systemctl start wsgate.service
  holds 'and starts nothing' is inactive
  holds 'it is enabled' inside systemctl --quiet is-enabled wsgate.service
  holds 'no socket is open' equal "$(beside ss -Htln 'sport = :443 or sport = :80')" ''
  holds 'keys are for root and the group only' equal "$(inside stat -c '%a %U %G' /etc/wsgate/certs)" '750 root wsgate'
}

configured() {
  put "$work/certs/game.example.com.crt" /etc/wsgate/certs/game.example.com.crt
  put "$work/certs/game.example.com.key" /etc/wsgate/certs/game.example.com.key 640 wsgate
  configure '[::]:443'
  holds 'the packaged example passes the check' inside wsgate check --config /etc/wsgate/gateway.toml
  holds 'the service starts when it is configured' inside systemctl start wsgate.service
  holds 'and is up' is active
  holds 'it serves wss on :443' serves
  holds 'as a user of its own' equal "$(inside ps -o user= -p "$(pid)")" wsgate
  holds 'tells systemd how many are there' wait_for 30 tells_status
  holds 'may open half a million files' equal "$(property LimitNOFILE)" 524288
  holds 'with one capability' equal "$(inside sed -n 's/^CapEff:\t*0*//p' "/proc/$(pid)/status")" 400
  holds 'systemd finds less than 2.0 of 10 exposed' \
    inside systemd-analyze security --no-pager --threshold=20 wsgate.service
}

misconfigured() {
  configure '[::]:443' 'nonsense = true'
  inside systemctl stop wsgate.service
  holds 'with a wrong configuration the start fails' refused inside systemctl start wsgate.service
  holds 'the journal has the report' says 'nonsense'
  holds 'it is not tried again' restarts_are 0
  holds 'and stays failed' is failed
  configure '[::]:443'
  holds 'a repaired configuration starts' inside systemctl start wsgate.service
  holds 'and serves' serves
}

reloaded() {
  local before
  before=$(pid)
  configure '[::]:443' '[[listeners]]' 'address = "127.0.0.1:8443"'
  holds 'a reload is carried out' inside systemctl reload wsgate.service
  holds 'a new listener is open' wait_for 30 listens 8443
  holds 'a reload keeps the process' equal "$(pid)" "$before"
  configure '[::]:443' 'nonsense = true'
  holds 'a reload of a wrong configuration is refused' refused inside systemctl reload wsgate.service
  holds 'the service runs on' is active
  holds 'in the same process' equal "$(pid)" "$before"
  holds 'and serves' serves
}

debug_sections() { readelf --section-headers --wide "$work/unpacked/usr/bin/wsgate" | grep -F .debug_info || true; }

tells_status() { grep -q '^[0-9]* WebSockets, [0-9]* connections$' <<<"$(property StatusText)"; }

listens() { [[ -n $(beside ss -Htln "sport = :$1") ]]; }

handed_over() {
  local old
  old=$(pid)
  inside kill -USR2 "$old"
  holds 'a new program that does not accept the configuration says so' says 'did not take over, this one goes on'
  holds 'and the old one goes on' equal "$(pid)" "$old"
  configure '[::]:443'
  inside systemctl reload wsgate.service
  begin_load 12
  inside systemctl kill --kill-whom=main --signal=USR2 wsgate.service
  holds 'SIGUSR2 brings a new main process' takes_over_from "$old"
  holds 'the old one ends by itself' ends_by_itself "$old"
  end_load
  holds 'nobody was refused or cut meanwhile' nobody_was_refused
  holds 'newcomers came all the while, at the rate that was asked for or nearly' load_was_on
  holds 'live sockets were told by the old one' some_were_drained
  holds 'systemd sees a service that is up' is active
  holds 'and was never started again' restarts_are 0
}

# The heir of a handover is watched, too.
stuck() {
  local old
  old=$(pid)
  sleep 12 # longer than WatchdogSec=
  holds 'an event loop that moves is left alone' equal "$(pid) $(property NRestarts)" "$old 0"
  inside kill -STOP "$old"
  holds 'one that is stuck is replaced' takes_over_from "$old"
  holds 'by the watchdog' says 'Watchdog timeout'
  holds 'once' restarts_are 1
  holds 'the service is up again' wait_for 30 is active
  holds 'and serves' serves
}

credentials() {
  local old drop_in=/run/systemd/system/wsgate.service.d
  inside install -m 600 /etc/wsgate/certs/game.example.com.key /root/game.key
  inside mkdir -p "$drop_in"
  printf '[Service]\nLoadCredential=game.key:/root/game.key\n' >"$work/drop-in"
  put "$work/drop-in" "$drop_in/test.conf"
  configure '[::]:443'
  edit 's#^private_key = .*#private_key = "${CREDENTIALS_DIRECTORY}/game.key"#'
  inside systemctl daemon-reload
  holds 'a key that only root may read arrives as a credential' inside systemctl restart wsgate.service
  holds 'and serves' serves
  holds 'a reload finds it' inside systemctl reload wsgate.service
  old=$(pid)
  inside kill -USR2 "$old"
  holds 'and so does a new process' takes_over_from "$old"
  holds 'which serves' serves
  inside rm -r "$drop_in"
  configure '[::]:443'
  inside systemctl daemon-reload
  inside systemctl restart wsgate.service
}
