# From nginx to wsgate, as README's lines under "Switching from nginx" say, on a Debian on which nginx runs. For
# tests/systemd/run; begins on a system without wsgate.

readonly nginx_site='
map $http_upgrade $connection_upgrade { default upgrade; "" close; }
server {
  listen 80;
  server_name game.example.com;
  return 301 https://$host$request_uri;
}
server {
  listen 443 ssl;
  server_name game.example.com;
  ssl_certificate /etc/ssl/game/game.crt;
  ssl_certificate_key /etc/ssl/game/game.key;
  location / {
    proxy_pass http://127.0.0.1:9595;
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $connection_upgrade;
    proxy_set_header Host $host;
    proxy_read_timeout 300s;
  }
}'

switched() {
  nginx_as_before
  holds 'nginx serves wss on :443' serves
  holds 'wsgate installs beside it' installs 0.1.0-1
  holds 'and nginx still serves' serves
  inside chgrp wsgate /etc/ssl/game/game.key
  switching_lines >"$work/switching"
  holds 'README has lines for it' test "$(wc -l <"$work/switching")" -ge 6
  holds 'they run from the first to the last' follow_readme
  holds 'the trial beside nginx answered' contains "$(inside cat /root/answer)" ok
  holds 'nginx has stopped' is inactive nginx.service
  holds 'wsgate is up in its place' is active
  holds 'it serves wss on :443' serves
  holds 'and sends plain requests to https' contains "$(ask_port_80)" 'https://game.example.com/'
  holds 'the way back is the same' inside sh -c 'systemctl stop wsgate && systemctl start nginx'
  holds 'and nginx serves again' serves
  inside systemctl stop nginx
}

# With one site, and a CA that the machine believes.
nginx_as_before() {
  printf '%s\n' "$nginx_site" >"$work/nginx-site"
  inside mkdir -p /etc/ssl/game
  put "$work/certs/game.example.com.crt" /etc/ssl/game/game.crt
  put "$work/certs/game.example.com.key" /etc/ssl/game/game.key 640
  put "$work/certs/dev-root.crt" /usr/local/share/ca-certificates/dev-root.crt
  inside update-ca-certificates >/dev/null 2>&1
  inside rm -f /etc/nginx/sites-enabled/default
  put "$work/nginx-site" /etc/nginx/sites-enabled/game
  inside systemctl start nginx
}

# The first block of commands under the heading.
switching_lines() {
  awk '/^## /{ here = ($0 == "## Switching from nginx") } here && /^```/{ block++; next } here && block == 1' \
    "$root/README.md"
}

# As a person would type them, who looks at the trial before going on, and keeps what it answered.
follow_readme() {
  sed -e 's/ &$/ >trial.log 2>\&1 \& trial=$!; sleep 3/' -e 's/^curl .*/& >answer; kill "$trial"; wait "$trial" || true/' \
    "$work/switching" >"$work/switching.sh"
  put "$work/switching.sh" /root/switching.sh
  inside sh -c 'cd /root && exec bash -eux switching.sh'
}

ask_port_80() { inside curl -sS --include --resolve game.example.com:80:127.0.0.1 http://game.example.com/; }
