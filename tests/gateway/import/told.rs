//! What the report of `import-nginx` says of single directives whose meaning differs in a way that is easy to
//! overlook, and what becomes of their values.

use std::path::Path;

use wsgate::import::{Entry, Fate, Imported, import_text};

fn server(directives: &str) -> Imported {
    let text = format!(
        "server {{ listen 443 ssl; server_name a.example.com; ssl_certificate /a; \
         ssl_certificate_key /b; {directives} }}"
    );
    import_text(Path::new("nginx.conf"), &text).expect(&text)
}

fn entry<'i>(imported: &'i Imported, text: &str) -> &'i Entry {
    let found = imported.report.entries.iter().find(|it| it.text.starts_with(text));
    found.unwrap_or_else(|| panic!("{text}: {}", imported.report))
}

#[test]
fn an_age_and_the_cache_control_beside_it_become_one() {
    for (directives, expected) in [
        (
            "expires 30d; add_header Cache-Control \"public, immutable\";",
            "max-age=2592000, public, immutable",
        ),
        (
            "expires 1h; add_header Cache-Control public; add_header cache-control immutable;",
            "max-age=3600, public, immutable",
        ),
        ("expires epoch; add_header Cache-Control private;", "max-age=0, private"),
        ("add_header Cache-Control no-cache;", "no-cache"),
    ] {
        let imported = server(&format!("location / {{ root /srv; {directives} }}"));
        let line = format!("response_headers = {{ Cache-Control = \"{expected}\" }}");
        assert!(imported.toml.contains(&line), "{directives}: {}", imported.toml);
        assert!(!imported.toml.contains("\ncache = "), "{directives}: {}", imported.toml);
        assert_eq!(imported.report.count(Fate::Not), 0, "{}", imported.report);
    }
    let alone = server("location / { root /srv; expires 30d; }");
    assert!(alone.toml.contains("cache = \"30d\""), "{}", alone.toml);
}

#[test]
fn a_field_that_files_have_of_their_own_is_not_said_to_be_replaced() {
    let imported = server("location / { root /srv; add_header Content-Type text/x; }");
    assert_eq!(entry(&imported, "add_header").fate, Fate::Not);
    assert!(!imported.toml.contains("text/x"), "{}", imported.toml);
}

#[test]
fn what_a_location_adds_to_the_page_of_a_fallback_is_told() {
    let fallback = "location / { root /srv; try_files $uri $uri/ /index.html; }";
    for (location, differs) in [
        ("location = /index.html { root /srv; add_header Cache-Control no-cache; }", true),
        ("location ~ \\.html$ { root /srv; expires -1; }", true),
        ("location = /index.html { root /srv; access_log off; }", false),
        ("location = /other.html { root /srv; add_header Cache-Control no-cache; }", false),
        ("location /index.html/ { root /srv; add_header Cache-Control no-cache; }", false),
    ] {
        let imported = server(&format!("{location} {fallback}"));
        let text = location.split_once(" {").expect("a block").0;
        let told = entry(&imported, text).reason.contains("also of what leads to `/index.html`");
        assert_eq!(told, differs, "{location}: {}", imported.report);
    }
    let index = "location /a/ { alias /srv/b/; } location = /a/index.html { alias /srv/b/index.html; expires 1h; }";
    let imported = server(index);
    assert!(
        entry(&imported, "location = ").reason.contains("leads to `/a/index.html`"),
        "{}",
        imported.report
    );
}

#[test]
fn mini_programs_without_a_name_and_foreign_referers_are_told() {
    let list = "valid_referers none blocked server_names *.example.com servicewechat.com;";
    let imported = server(&format!(
        "location /x {{ {list} if ($invalid_referer) {{ return 403; }} proxy_pass http://127.0.0.1:1; }}"
    ));
    let told = entry(&imported, "valid_referers");
    assert_eq!(told.fate, Fate::Not);
    assert!(
        told.reason.contains("until `clients.mini_programs` has their app ids"),
        "{}",
        told.reason
    );
    assert!(imported.toml.contains("until `clients.mini_programs`"), "{}", imported.toml);
    let named = list.replace("servicewechat.com", "servicewechat.com/wx0123456789abcdef/");
    let imported = server(&format!(
        "location /x {{ {named} if ($invalid_referer) {{ return 403; }} proxy_pass http://127.0.0.1:1; }}"
    ));
    let told = entry(&imported, "valid_referers");
    assert!(
        told.reason.contains("who sends no Origin is let in, whatever its Referer"),
        "{}",
        told.reason
    );
    assert!(!imported.toml.contains("until `clients"), "{}", imported.toml);
}

#[test]
fn the_folder_of_error_pages_is_used() {
    let folder = std::env::temp_dir().join(format!("wsgate-pages-{:016x}", rand::random::<u64>()));
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("404.html"), "lost").expect("a file");
    let root = folder.display();
    let imported = server(&format!(
        "error_page 404 /404.html; location = /404.html {{ root {root}; internal; }} \
         location / {{ proxy_pass http://127.0.0.1:1; }}"
    ));
    std::fs::remove_dir_all(&folder).expect("removed");
    assert!(imported.toml.contains("error_pages"), "{}", imported.toml);
    assert_eq!(entry(&imported, "root").fate, Fate::Carried, "{}", imported.report);
}

#[test]
fn a_query_that_nginx_drops_is_told() {
    for (pass, told) in [
        ("http://127.0.0.1:1/$1", true),
        ("http://127.0.0.1:1$uri", true),
        ("http://127.0.0.1:1/$1$is_args$args", false),
        ("http://127.0.0.1:1$request_uri", false),
        ("http://127.0.0.1:1", false),
    ] {
        let imported = server(&format!("location ~ ^/strip/(.*)$ {{ proxy_pass {pass}; }}"));
        let reason = &entry(&imported, "proxy_pass").reason;
        assert_eq!(reason.contains("nginx drops it"), told, "{pass}: {reason}");
    }
}
