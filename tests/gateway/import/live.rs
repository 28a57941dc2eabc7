//! What `import-nginx` makes of a configuration, served: who is let in where nginx keeps people out.

use std::path::{Path, PathBuf};

use wsgate::import::{Imported, import_text};

use crate::house::{Backend, Client, HOST, House, certificates};

const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";

/// A server with these directives, imported. `BACKEND` and `FOLDER` stand for what is there.
struct Moved {
    house: House,
    imported: Imported,
    backend: Backend,
    folder: PathBuf,
}

impl Moved {
    async fn server(directives: &str) -> Self {
        let (certificate, key) = certificates::of(HOST);
        Self::http(&format!(
            "server {{ listen 127.0.0.1:4430 ssl; server_name {HOST}; ssl_certificate {certificate}; \
             ssl_certificate_key {key}; {directives} }}"
        ))
        .await
    }

    async fn http(text: &str) -> Self {
        let backend = Backend::answering(ANSWER).await;
        let folder =
            std::env::temp_dir().join(format!("wsgate-moved-{:016x}", rand::random::<u64>()));
        for name in ["index.html", "app.js", "proof", "acme-challenge/proof-2", "enc%20oded"] {
            let file = folder.join(name);
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
            std::fs::write(file, name).expect("a file");
        }
        let text = text
            .replace("BACKEND", &backend.address().to_string())
            .replace("FOLDER", &folder.to_string_lossy());
        let imported = import_text(Path::new("nginx.conf"), &text).expect(&text);
        let toml = imported.toml.replace("127.0.0.1:4430", "127.0.0.1:0");
        let house = House::with(&toml.replace("127.0.0.1:8088", "127.0.0.1:0")).await;
        Self { house, imported, backend, folder }
    }

    async fn status(&self, path: &str) -> u16 {
        let mut client = self.house.client().await;
        status(&client.get(path, "").await)
    }

    fn report(&self) -> String {
        self.imported.report.to_string()
    }

    async fn check(&self, cases: &[(&str, u16)]) {
        for (path, expected) in cases {
            let found = self.status(path).await;
            assert_eq!(found, *expected, "{path}: {}\n{}", self.imported.toml, self.report());
        }
    }
}

impl Drop for Moved {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

fn status(head: &str) -> u16 {
    head.split(' ').nth(1).and_then(|it| it.parse().ok()).expect(head)
}

#[tokio::test]
async fn a_guarded_location_whose_target_cannot_be_carried_is_closed() {
    for guard in [
        "auth_basic admin;",
        "deny 192.0.2.1;",
        "allow 192.0.2.0/24; deny all;",
        "internal;",
        "auth_request /a;",
        "if ($cookie_a != b) { return 403; }",
    ] {
        let moved = Moved::server(&format!(
            "location /admin/ {{ {guard} proxy_pass http://BACKEND/x%20y/; }} \
             location / {{ proxy_pass http://BACKEND; }}"
        ))
        .await;
        moved.check(&[("/admin/", 403), ("/admin/x", 403), ("/admin", 403), ("/", 200)]).await;
        assert_eq!(moved.backend.accepted(), 1, "{guard}");
        assert!(moved.report().contains("closed (403) until you decide"), "{}", moved.report());
        assert!(moved.imported.toml.contains("# CLOSED"), "{guard}: {}", moved.imported.toml);
    }
}

#[tokio::test]
async fn a_password_of_the_server_holds_for_the_location_that_is_lost() {
    let moved = Moved::server(
        "auth_basic x; location / { auth_basic off; proxy_pass http://BACKEND; } \
         location ~ \\.php$ { fastcgi_pass 127.0.0.1:9; }",
    )
    .await;
    moved.check(&[("/a.php", 403), ("/", 200)]).await;
}

#[tokio::test]
async fn what_is_not_carried_and_no_guard_goes_to_the_other_routes_as_it_did() {
    let moved = Moved::server(
        "location /admin/ { proxy_pass http://BACKEND/x%20y/; } \
         location / { proxy_pass http://BACKEND; }",
    )
    .await;
    moved.check(&[("/admin/", 200), ("/", 200)]).await;
    assert!(!moved.report().contains("closed"), "{}", moved.report());
}

#[tokio::test]
async fn look_aheads_before_a_guard_are_kept_exactly() {
    let moved = Moved::server(
        "location ~ ^/sec(?=ret) { auth_basic a; proxy_pass http://BACKEND; } \
         location ~* ^/private/(?!open).*$ { deny all; } \
         location / { proxy_pass http://BACKEND; }",
    )
    .await;
    moved
        .check(&[
            ("/secret", 403),
            ("/section", 200),
            ("/private/a", 403),
            ("/PRIVATE/", 403),
            ("/private/open/a", 200),
            ("/", 200),
        ])
        .await;
}

#[tokio::test]
async fn a_guard_on_paths_that_cannot_be_told_closes_what_could_take_them() {
    let moved = Moved::server(
        "location ~ ^/a(?<=x)b { deny all; } location ~ (\\w)\\1$ { auth_basic x; proxy_pass http://BACKEND; } \
         location = /exact { proxy_pass http://BACKEND; } location / { proxy_pass http://BACKEND; }",
    )
    .await;
    moved.check(&[("/ab", 403), ("/zz", 403), ("/", 403), ("/exact", 200)]).await;
    let report = moved.report();
    assert!(report.contains("with all that begins like it"), "{report}");
    assert!(
        report.contains("closed (403) until you decide: some of its paths are those of"),
        "{report}"
    );
}

#[tokio::test]
async fn conditions_that_send_people_away_close_what_they_stand_before() {
    for guard in [
        "if ($cookie_auth != yes) { return 302 /login; }",
        "if ($remote_addr !~ ^10\\.) { return 301 https://example.org/; }",
        "if ($http_x_key != k) { rewrite ^ /denied last; }",
        "if ($http_cookie !~* session=) { rewrite ^ /login redirect; }",
        "if ($args !~ token=abc) { return 403; }",
        "if ($query_string !~ token=abc) { return 403; }",
        "if ($uri ~ ^/x/secret) { return 403; }",
        "if ($request_uri ~ ^/x/secret) { return 302 /; }",
        "if ($cookie_auth != yes) { return 200 stay; }",
        "if ($request_method = POST) { return 403; }",
    ] {
        let moved =
            Moved::server(&format!("location /x {{ {guard} proxy_pass http://BACKEND; }}")).await;
        moved.check(&[("/x/a", 403)]).await;
        assert!(moved.imported.toml.contains("# CLOSED"), "{guard}: {}", moved.imported.toml);
        assert!(moved.report().contains("closed (403) until you decide"), "{guard}");
        let all =
            Moved::server(&format!("{guard} location / {{ proxy_pass http://BACKEND; }}")).await;
        all.check(&[("/x/a", 403)]).await;
    }
}

#[tokio::test]
async fn conditions_that_are_no_guards_leave_the_route_open() {
    for no_guard in [
        "if ($http_user_agent ~* curl) { return 403; }",
        "if ($http_user_agent ~* mobile) { return 302 https://m.example.org/; }",
        "if ($request_method !~ ^(GET|HEAD|POST)$) { return 444; }",
        "if ($request_method = DELETE) { return 405; }",
        "if ($request_method = OPTIONS) { return 204; }",
        "if ($scheme = http) { return 301 https://$host$request_uri; }",
        "if ($http_x_forwarded_proto = http) { return 301 https://$host$request_uri; }",
        "if ($host = www.example.org) { return 301 https://example.org$request_uri; }",
        "if ($request_uri ~ ^/(.*)\\.html$) { return 301 /$1; }",
        "if ($cookie_a) { set $b 1; }",
        "if (!-e $request_filename) { rewrite ^ /index.php last; }",
    ] {
        let text = format!("location /x {{ {no_guard} proxy_pass http://BACKEND; }}");
        let moved = Moved::server(&text).await;
        moved.check(&[("/x", 200)]).await;
    }
}

#[tokio::test]
async fn the_usual_line_against_dotfiles_closes_no_other_file() {
    for pattern in ["/\\.(?!well-known).*", "/\\.(?!well-known)", "/(?!\\.well-known)\\."] {
        let moved = Moved::server(&format!(
            "root FOLDER; location / {{ try_files $uri $uri/ /index.html; }} \
             location ~ {pattern} {{ deny all; }} location /ws {{ proxy_pass http://BACKEND; }}"
        ))
        .await;
        moved
            .check(&[("/", 200), ("/app.js", 200), ("/deep/link", 200), ("/.git/config", 403)])
            .await;
        moved.check(&[("/ws", 200), ("/ws/.env", 403)]).await;
        assert!(!moved.report().contains("cannot be told"), "{}", moved.report());
    }
}

#[tokio::test]
async fn a_location_with_an_escape_in_it_closes_what_it_takes_and_nothing_else() {
    let moved = Moved::server(
        "root FOLDER; location / { try_files $uri =404; } location /enc%20oded { stub_status; }",
    )
    .await;
    moved.check(&[("/app.js", 200), ("/enc%2520oded", 403), ("/enc%20oded", 404)]).await;
}

#[tokio::test]
async fn files_that_are_closed_for_paths_nobody_can_tell_are_in_the_report() {
    let moved = Moved::server(
        "root FOLDER; location / { try_files $uri =404; } location ~ (.)\\1 { stub_status; } \
         location /ws { proxy_pass http://BACKEND; }",
    )
    .await;
    moved.check(&[("/app.js", 403), ("/ws", 200)]).await;
    let report = moved.report();
    let (_, lost) = report.split_once("Not carried").expect("a heading");
    assert!(lost.contains("location /\n"), "{report}");
}

#[tokio::test]
async fn a_guarded_page_is_not_sent_as_an_index_or_in_the_place_of_what_is_not_there() {
    for (guard, expected) in [("auth_basic x;", 403), ("deny all;", 403), ("internal;", 200)] {
        let moved = Moved::server(&format!(
            "root FOLDER; location / {{ try_files $uri $uri/ /index.html; }} \
             location = /index.html {{ {guard} }} location /js/ {{ alias FOLDER/acme-challenge/; }}"
        ))
        .await;
        moved.check(&[("/", expected), ("/deep", expected), ("/js/proof-2", 200)]).await;
    }
}

#[tokio::test]
async fn addresses_that_clients_could_choose_open_nothing() {
    let rules = "allow 192.0.2.0/24; deny all;";
    for (header, expected) in [
        ("real_ip_header X-Real-IP;", "CLOSED"),
        ("", "CLOSED"),
        ("real_ip_header CF-Connecting-IP;", "CLOSED"),
        ("real_ip_header X-Forwarded-For;", "clients.addresses.allow"),
    ] {
        let moved = Moved::server(&format!(
            "set_real_ip_from 127.0.0.1; {header} location / {{ {rules} proxy_pass http://BACKEND; }} \
             location /open {{ proxy_pass http://BACKEND; }}"
        ))
        .await;
        assert!(moved.imported.toml.contains(expected), "{header}: {}", moved.imported.toml);
        let mut client = moved.house.client().await;
        let forged = "X-Forwarded-For: 192.0.2.7\r\nX-Real-IP: 203.0.113.9\r\n";
        let found = status(&client.get("/", forged).await);
        assert_eq!(found, if expected == "CLOSED" { 403 } else { 200 }, "{header}");
        assert_eq!(moved.report().contains("routes with `allow` or `deny`"), expected == "CLOSED");
        moved.check(&[("/open", 200)]).await;
    }
}

#[tokio::test]
async fn challenges_are_found_in_the_folder_of_an_alias() {
    let (certificate, key) = certificates::of(HOST);
    for (location, token) in [
        ("/.well-known/acme-challenge/", "proof"),
        ("/.well-known/acme-challenge", "proof"),
        ("/.well-known/", "proof-2"),
    ] {
        let moved = Moved::http(&format!(
            "server {{ listen 127.0.0.1:8088; server_name {HOST}; location ^~ {location} {{ alias FOLDER/; }} \
             location / {{ return 301 https://$host$request_uri; }} }} \
             server {{ listen 127.0.0.1:4430 ssl; server_name {HOST}; ssl_certificate {certificate}; \
             ssl_certificate_key {key}; location / {{ proxy_pass http://BACKEND; }} }}"
        ))
        .await;
        let http = moved.imported.toml.find("8088") > moved.imported.toml.find("4430");
        let address = moved.house.address_of(usize::from(http));
        let mut client = Client::tcp(address).await.expect("connected");
        let path = format!("/.well-known/acme-challenge/{token}");
        let (head, body) = client.fetch(&path, "").await;
        assert_eq!(status(&head), 200, "{location}: {head}{}", moved.imported.toml);
        assert!(body.contains(token), "{location}: {body}");
    }
}

#[tokio::test]
async fn files_behind_a_balancer_are_served_whatever_its_header_redirects() {
    let moved = Moved::server(
        "root FOLDER; if ($http_x_forwarded_proto = http) { return 301 https://$host$request_uri; } \
         location / { try_files $uri $uri/ /index.html; }",
    )
    .await;
    moved.check(&[("/app.js", 200), ("/deep", 200)]).await;
    let plain = "server { listen 80; server_name a.example.com; root /srv; \
         if ($http_x_forwarded_proto = http) { return 301 https://$host$request_uri; } \
         location / { try_files $uri $uri/ /index.html; } }";
    let imported = import_text(Path::new("nginx.conf"), plain).expect("it is read");
    assert_eq!(imported.sites, 1, "{}", imported.toml);
    assert!(!imported.toml.contains("redirect_to_https"), "{}", imported.toml);
}
