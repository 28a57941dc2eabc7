# The package: upgraded and restarted under load, with and without systemd's sockets, removed and purged. For
# tests/systemd/run; each begins with what the one before has left.

upgraded() {
  local old
  old=$(pid)
  begin_load 15
  holds 'an upgrade under load succeeds' installs 0.1.0-2
  holds 'it hands over' dpkg_said 'the new version has taken over'
  holds 'the main process is another' takes_over_from "$old"
  holds 'it is the one installed now' runs_what_is_installed
  holds 'the old one ends by itself' ends_by_itself "$old"
  end_load
  holds 'nobody was refused or cut meanwhile' nobody_was_refused
  holds 'newcomers came all the while, at the rate that was asked for or nearly' load_was_on
  holds 'live sockets were told by the old one' some_were_drained
  holds 'the service is up' is active
  holds 'the configuration was not touched' inside cmp /etc/wsgate/gateway.toml - <"$work/gateway.toml"
}

upgraded_in_vain() {
  local old
  old=$(pid)
  configure '[::]:443' 'nonsense = true'
  holds 'an upgrade that does not accept the configuration succeeds all the same' installs 0.1.0-3
  holds 'it says that the old version still runs' dpkg_said 'THE OLD VERSION STILL RUNS'
  holds 'the old process goes on' equal "$(pid)" "$old"
  holds 'and serves' serves
}

restarted_with_sockets() {
  local old
  configure 'systemd:https'
  inside systemctl stop wsgate.service
  holds 'the socket unit starts' inside systemctl enable --quiet --now wsgate.socket
  holds 'without the service' is inactive
  holds 'which the first client starts' serves
  old=$(pid)
  begin_load 12
  holds 'a restart under load succeeds' inside systemctl restart wsgate.service
  holds 'the main process is another' takes_over_from "$old"
  end_load
  holds 'nobody was refused or cut meanwhile' nobody_was_refused
  holds 'live sockets were told' some_were_drained
}

upgraded_with_sockets() {
  local old
  old=$(pid)
  begin_load 12
  holds 'an upgrade under load succeeds with the socket unit' installs 0.1.0-4
  holds 'the main process is another' takes_over_from "$old"
  holds 'the old one ends by itself' ends_by_itself "$old"
  end_load
  holds 'nobody was refused or cut meanwhile' nobody_was_refused
  holds 'the socket is still systemd'"'"'s' is active wsgate.socket
  old=$(pid)
  inside systemctl restart wsgate.service
  holds 'a restart after it gets the socket again' serves
}

removed() {
  holds 'a removal succeeds' inside dpkg --remove wsgate
  holds 'nothing runs' refused inside pgrep -x wsgate
  holds 'nothing listens' equal "$(beside ss -Htln 'sport = :443')" ''
  holds 'the program is gone' refused inside test -e /usr/bin/wsgate
  holds 'systemd knows no such service' equal "$(property LoadState)" not-found
  holds 'the configuration stays' inside cmp /etc/wsgate/gateway.toml - <"$work/gateway.toml"
}

installed_again() {
  holds 'the same package installs again' installs 0.1.0-4
  holds 'its socket is open again' is active wsgate.socket
  holds 'it runs with the configuration that stayed' is active
  holds 'and serves' serves
}

purged() {
  inside rm -f /root/wsgate.deb
  holds 'a purge succeeds' inside dpkg --purge wsgate
  holds 'the user is gone' refused inside getent passwd wsgate
  holds 'and the group' refused inside getent group wsgate
  holds 'no file is left' equal "$(inside find / -xdev -name '*wsgate*' ! -path '/proc/*' ! -path '/sys/*')" ''
  holds 'the package is forgotten' refused inside dpkg --status wsgate
}
