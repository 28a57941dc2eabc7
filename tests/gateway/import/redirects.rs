//! What `import-nginx` says of servers that send people to https: what `redirect_to_https` does not do is in
//! the report.

use std::path::Path;

use wsgate::import::{Fate, Imported, import_text};

/// A server for plain http, and sites with these names.
fn imported(names: &str, redirect: &str, sites: &str) -> Imported {
    let text = format!(
        "server {{ listen 80; server_name {names}; {redirect} }} \
         server {{ listen 443 ssl; server_name {sites}; ssl_certificate /a; ssl_certificate_key /b; \
         location / {{ proxy_pass http://127.0.0.1:1; }} }}"
    );
    let imported = import_text(Path::new("nginx.conf"), &text).expect(&text);
    assert!(imported.toml.contains("redirect_to_https = true"), "{}", imported.toml);
    imported
}

#[test]
fn what_a_redirect_to_https_leads_to_otherwise_is_told() {
    let both = "example.com www.example.com";
    let cases = [
        (
            both,
            "return 301 https://www.example.com$request_uri;",
            "www.example.com",
            Fate::Not,
            "no site has `example.com`",
        ),
        (
            both,
            "return 301 https://www.example.com$request_uri;",
            both,
            Fate::Different,
            "not `www.example.com`",
        ),
        (
            both,
            "return 301 https://$server_name$request_uri;",
            both,
            Fate::Different,
            "not `example.com`",
        ),
        ("a.com", "return 301 https://$host/app/;", "a.com", Fate::Different, "not `/app/`"),
        (
            "a.com",
            "location / { return 301 https://$host/app/; }",
            "a.com",
            Fate::Different,
            "not `/app/`",
        ),
        ("a.com", "return 301 https://$host;", "a.com", Fate::Different, "not ``"),
        ("a.com", "return 301 https://$host$uri;", "a.com", Fate::Different, "not `$uri`"),
        ("a.com", "return 301 https://$host:8443$request_uri;", "a.com", Fate::Not, "not `8443`"),
        (
            "a.com",
            "rewrite ^/(.*)$ https://b.com/old/$1 permanent;",
            "a.com",
            Fate::Different,
            "not `b.com`",
        ),
        (
            "a.com b.com",
            "if ($host = a.com) { return 301 https://$host$request_uri; } return 404;",
            "a.com",
            Fate::Not,
            "no site has `b.com`",
        ),
    ];
    for (names, redirect, sites, fate, words) in cases {
        let imported = imported(names, redirect, sites);
        let is_it = |text: &str| text.starts_with("return 301") || text.starts_with("rewrite");
        let entry = imported.report.entries.iter().find(|it| is_it(&it.text)).expect(redirect);
        assert_eq!(entry.fate, fate, "{redirect}: {}", entry.reason);
        assert!(entry.reason.contains(words), "{redirect}: {}", entry.reason);
    }
}

#[test]
fn a_redirect_to_the_same_host_and_path_differs_in_its_status_alone() {
    for (names, redirect, sites) in [
        ("a.com", "return 301 https://$host$request_uri;", "a.com"),
        ("a.com b.com", "return 301 https://$http_host$request_uri;", "*.com a.com b.com"),
        ("a.com", "return 301 https://$server_name$request_uri;", "a.com"),
        ("a.com", "return 301 https://a.com$uri$is_args$args;", "a.com"),
        ("a.com", "return 301 https://${host}:443${request_uri};", "a.com"),
        ("x.a.com", "rewrite ^(.*)$ https://$host$1 permanent;", "*.a.com"),
        ("a.com", "rewrite ^/(.*)$ https://a.com/$1 permanent;", ".a.com"),
        ("a.com", "rewrite ^ https://$host$request_uri? permanent;", "a.com"),
        ("a.com", "if ($scheme = http) { return 301 https://$host$request_uri; }", "a.com"),
        (
            "a.com",
            "location ~ ^/(?!\\.well-known) { return 301 https://$host$request_uri; }",
            "a.com",
        ),
        ("_", "return 301 https://$host$request_uri;", "a.com"),
    ] {
        let imported = imported(names, redirect, sites);
        let is_it = |text: &str| text.starts_with("return") || text.starts_with("rewrite");
        let entry = imported.report.entries.iter().find(|it| is_it(&it.text)).expect(redirect);
        let found = (entry.fate, entry.reason.trim_end_matches("; every name is sent to https"));
        assert_eq!(
            found,
            (Fate::Different, "the redirect is 308, which keeps the method"),
            "{redirect}"
        );
    }
}
