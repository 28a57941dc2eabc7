//! What becomes of each directive of nginx: the one place to extend when wsgate learns something.
//! Knows names only; what is [`Meaning::Read`] is understood elsewhere in this room.

/// What becomes of a directive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The translation looks at it and says what became of it.
    Read,
    /// wsgate does this of itself, or it changes nothing that a client or backend sees.
    Same(&'static str),
    /// wsgate does something close to it.
    Differs(&'static str),
    /// wsgate does not do this.
    Lacks(&'static str),
    /// It keeps somebody out, and wsgate cannot: the routes under it are closed until a person has
    /// decided. Also for values that could open what nginx keeps shut.
    Guards(&'static str),
}

use Meaning::{Differs, Guards, Lacks, Read, Same};

/// The meaning of a directive by its name; a name that nobody knows is not carried.
pub fn meaning(name: &str) -> Meaning {
    let exact = TABLE.iter().find(|(names, _)| names.split(' ').any(|it| it == name));
    let family = || FAMILIES.iter().find(|(prefix, _)| name.starts_with(prefix));
    match exact.or_else(family) {
        Some((_, meaning)) => *meaning,
        None => Lacks("wsgate has nothing like it"),
    }
}

/// Where a limit is off, wsgate's own absence of it is the same.
pub fn is_off(args: &[String]) -> bool {
    matches!(args, [only] if only == "off")
}

/// Directives whose `off` asks for something, too.
pub const OFF_DIFFERS: [&str; 7] = [
    "proxy_pass_request_headers",
    "proxy_pass_request_body",
    "merge_slashes",
    "ssl_session_tickets",
    "ssl_session_cache",
    "ignore_invalid_headers",
    "underscores_in_headers",
];

/// Directives that the translation reads, and whose `off` asks for nothing.
pub const OFF_IS_SAME: [&str; 3] = ["gzip", "gzip_static", "expires"];

const RATES: &str = "nginx counts in zones; see gateway.max_connections_per_ip, handshakes_per_ip and a route's limits";
const CACHE: &str = "answers are not cached";
const RESPONSE_HEADERS: &str =
    "fields toward the client are set or removed whole; see response_headers";
const COMPRESSION: &str = "a route's `compress` is for its files, and knows no details; a backend's own compression passes";
const ERROR_PAGES: &str = "a backend's own error answers are passed on";
const LOGS: &str = "access lines go to standard output in wsgate's own form; see [log]";
const EVENT_LOOP: &str = "tuning of nginx' own event loop";
const BUFFERS: &str = "nothing is buffered: bytes are passed on as they come";
const STREAMS: &str = "answers and requests are streamed, never buffered";
const TLS_OWN: &str = "rustls chooses: its defaults are strong, and there are no others";
const SESSIONS: &str = "TLS sessions resume by tickets; see gateway.ticket_keys";
const OTHER_BACKENDS: &str = "backends speak HTTP/1.1 or WebSocket";
const NEXT: &str = "another server is tried when no connection could be made, and then only";

/// Names separated by blanks, and what becomes of them.
const TABLE: &[(&str, Meaning)] = &[
    // Blocks, and what the translation reads.
    ("http server location upstream map if events return rewrite set", Read),
    (
        "ssl_certificate ssl_certificate_key ssl_protocols ssl ssl_verify_client ssl_client_certificate client_max_body_size",
        Read,
    ),
    ("proxy_pass proxy_set_header proxy_http_version proxy_read_timeout proxy_send_timeout", Read),
    (
        "proxy_connect_timeout proxy_ssl_trusted_certificate proxy_ssl_name proxy_ssl_certificate",
        Read,
    ),
    (
        "proxy_ssl_certificate_key proxy_ssl_verify proxy_ssl_server_name listen http2 server_name",
        Read,
    ),
    ("allow deny set_real_ip_from real_ip_header real_ip_recursive valid_referers", Read),
    ("worker_processes keepalive_timeout client_header_timeout large_client_header_buffers", Read),
    ("access_log internal include", Read),
    ("root alias index try_files expires gzip gzip_static", Read),
    (
        "least_conn ip_hash hash random sticky keepalive keepalive_time zone health_check check",
        Read,
    ),
    // What a person has to decide about.
    ("auth_basic", Guards("wsgate asks for no password")),
    ("auth_basic_user_file", Differs("goes with auth_basic")),
    ("auth_request auth_jwt", Guards("no other server is asked who may come")),
    ("auth_request_set satisfy", Lacks("goes with a guard that wsgate does not have")),
    (
        "ssl_trusted_certificate ssl_crl ssl_verify_depth",
        Lacks("client certificates are judged by client_ca alone"),
    ),
    ("secure_link", Guards("signed links are not checked")),
    ("secure_link_md5 secure_link_secret", Lacks("signed links are not checked")),
    ("limit_except", Guards("methods are not told apart")),
    ("modsecurity", Guards("wsgate has no request filter")),
    ("access_by_lua_block access_by_lua_file", Guards("there is no scripting")),
    // Limits.
    ("limit_req_status limit_req_log_level limit_req_dry_run limit_conn_status", Lacks(RATES)),
    ("limit_conn limit_conn_zone limit_req limit_req_zone", Read),
    ("limit_conn_log_level limit_zone", Lacks(RATES)),
    ("limit_rate limit_rate_after", Lacks(RATES)),
    // Answers of nginx' own.
    (
        "add_trailer etag more_set_headers more_clear_headers proxy_ignore_headers",
        Lacks(RESPONSE_HEADERS),
    ),
    (
        "proxy_cookie_path proxy_cookie_domain proxy_cookie_flags proxy_redirect",
        Lacks(RESPONSE_HEADERS),
    ),
    ("add_header proxy_hide_header proxy_pass_header error_page absolute_redirect", Read),
    ("proxy_intercept_errors recursive_error_pages", Lacks(ERROR_PAGES)),
    (
        "autoindex autoindex_exact_size autoindex_format autoindex_localtime",
        Lacks("folders are not listed"),
    ),
    ("dav_methods", Lacks("files take GET and HEAD only")),
    ("disable_symlinks", Differs("links that leave the folder are refused, others followed")),
    ("if_modified_since", Differs("as RFC 9110 has it: `before`")),
    (
        "open_file_cache open_file_cache_valid open_file_cache_min_uses open_file_cache_errors",
        Same("each file is opened for each request"),
    ),
    (
        "sub_filter sub_filter_once sub_filter_types addition_types",
        Lacks("bodies are never changed"),
    ),
    ("stub_status", Lacks("see [admin] for wsgate's own figures")),
    (
        "default_type types charset charset_types source_charset override_charset",
        Differs("the Content-Type is the backend's"),
    ),
    ("break", Same("rewriting ends by itself")),
    ("server_tokens", Same("wsgate does not name itself")),
    (
        "port_in_redirect server_name_in_redirect",
        Lacks("redirects are the backend's own, or as they are written"),
    ),
    ("merge_slashes", Differs("paths are matched with `//` made one, and sent on as they came")),
    ("log_not_found log_subrequest", Same("there is no error log for files")),
    // Toward the backend.
    ("proxy_buffering proxy_request_buffering", Differs(STREAMS)),
    (
        "proxy_buffers proxy_buffer_size proxy_busy_buffers_size proxy_max_temp_file_size",
        Same(BUFFERS),
    ),
    ("proxy_temp_file_write_size proxy_temp_path client_body_buffer_size", Same(BUFFERS)),
    ("client_body_temp_path postpone_output output_buffers", Same(BUFFERS)),
    ("proxy_next_upstream proxy_next_upstream_tries proxy_next_upstream_timeout", Differs(NEXT)),
    ("proxy_socket_keepalive", Differs("a dead backend is noticed by the waits of a route")),
    ("proxy_ignore_client_abort", Differs("a client that leaves takes its request along")),
    (
        "proxy_bind proxy_method proxy_set_body proxy_pass_request_body",
        Lacks("requests are passed on with their own method and body"),
    ),
    ("proxy_pass_request_headers", Lacks("headers are passed on")),
    ("proxy_headers_hash_max_size proxy_headers_hash_bucket_size", Same(EVENT_LOOP)),
    ("proxy_ssl_session_reuse proxy_ssl_protocols proxy_ssl_ciphers", Differs(TLS_OWN)),
    ("proxy_ssl_verify_depth", Differs(TLS_OWN)),
    (
        "resolver resolver_timeout",
        Differs("names are looked up by the system, again every resolve_every"),
    ),
    (
        "ignore_invalid_headers underscores_in_headers",
        Differs("fields with an underscore are passed on"),
    ),
    ("keepalive_requests", Differs("a connection may carry any number of requests")),
    // TLS.
    (
        "ssl_ciphers ssl_prefer_server_ciphers ssl_ecdh_curve ssl_dhparam ssl_conf_command",
        Differs(TLS_OWN),
    ),
    (
        "ssl_session_cache ssl_session_timeout ssl_session_tickets ssl_session_ticket_key",
        Differs(SESSIONS),
    ),
    ("ssl_buffer_size", Same(BUFFERS)),
    ("ssl_early_data", Lacks("early data is not taken, since it can be sent twice")),
    (
        "ssl_stapling ssl_stapling_verify ssl_stapling_file ssl_stapling_responder",
        Lacks("OCSP answers are not stapled"),
    ),
    ("ssl_password_file", Lacks("keys are read without a password")),
    ("ssl_reject_handshake", Same("a name that no site has is refused in the TLS handshake")),
    ("http3 http3_hq quic_retry ssl_quic", Lacks("HTTP/3 is not spoken")),
    (
        "http2_max_field_size http2_max_header_size http2_max_requests",
        Differs("see gateway.limits"),
    ),
    ("http2_idle_timeout http2_recv_timeout", Differs("see gateway.timeouts")),
    ("http2_push http2_push_preload", Lacks("nothing is pushed: browsers no longer take it")),
    (
        "http2_max_concurrent_streams http2_chunk_size http2_body_preread_size",
        Differs(
            "wsgate's own bounds: 100 streams a connection, 128 KiB of a body ahead of the backend",
        ),
    ),
    // The process and its log.
    ("user", Differs("the unit file says as whom wsgate runs")),
    (
        "pid lock_file daemon master_process",
        Same("wsgate stays in the foreground and has no such file"),
    ),
    (
        "worker_connections",
        Differs("max_connections is 100,000 clients, whatever the number of workers"),
    ),
    (
        "worker_rlimit_nofile worker_rlimit_core worker_priority worker_cpu_affinity",
        Differs("LimitNOFILE and the like stand in the unit file"),
    ),
    ("worker_shutdown_timeout", Differs("see [gateway.drain]: sockets are closed with a reason")),
    (
        "use multi_accept accept_mutex accept_mutex_delay worker_aio_requests thread_pool",
        Same(EVENT_LOOP),
    ),
    (
        "sendfile sendfile_max_chunk tcp_nopush aio aio_write directio types_hash_max_size",
        Same(EVENT_LOOP),
    ),
    (
        "types_hash_bucket_size server_names_hash_bucket_size server_names_hash_max_size",
        Same(EVENT_LOOP),
    ),
    ("variables_hash_max_size variables_hash_bucket_size map_hash_bucket_size", Same(EVENT_LOOP)),
    (
        "map_hash_max_size connection_pool_size request_pool_size pcre_jit timer_resolution",
        Same(EVENT_LOOP),
    ),
    (
        "client_header_buffer_size client_body_in_file_only client_body_in_single_buffer",
        Same(BUFFERS),
    ),
    (
        "reset_timedout_connection lingering_close lingering_time lingering_timeout",
        Same(EVENT_LOOP),
    ),
    ("tcp_nodelay", Same("small frames are never held back")),
    ("send_timeout", Differs("a peer that takes no byte for limits.stalled_writer (30s) is cut")),
    ("client_body_timeout", Differs("a body that stops coming runs into timeouts.response")),
    ("keepalive_disable", Lacks("all clients may keep their connection")),
    ("error_log", Differs("the log goes to standard error; see [log] level")),
    ("log_format open_log_file_cache", Differs(LOGS)),
    (
        "debug_connection debug_points env load_module working_directory ssl_engine",
        Lacks("concerns the process of nginx only"),
    ),
    // Variables.
    ("geo geoip_country geoip_city geoip2 split_clients", Lacks("there are no variables")),
    ("perl_set js_import js_set js_path", Lacks("there is no scripting")),
    ("mirror mirror_request_body", Lacks("requests are sent to one backend")),
    ("stream mail", Lacks("only HTTP and WebSocket are carried")),
    (
        "grpc_pass fastcgi_pass uwsgi_pass scgi_pass memcached_pass js_content",
        Lacks(OTHER_BACKENDS),
    ),
    (
        "push_stream_publisher push_stream_subscriber rtmp",
        Lacks("only HTTP and WebSocket are carried"),
    ),
];

/// Names that begin alike.
const FAMILIES: &[(&str, Meaning)] = &[
    ("proxy_cache", Lacks(CACHE)),
    ("proxy_no_cache", Lacks(CACHE)),
    ("proxy_store", Lacks(CACHE)),
    ("gzip", Lacks(COMPRESSION)),
    ("gunzip", Lacks(COMPRESSION)),
    ("brotli", Lacks(COMPRESSION)),
    ("zstd", Lacks(COMPRESSION)),
    ("fastcgi_", Lacks(OTHER_BACKENDS)),
    ("uwsgi_", Lacks(OTHER_BACKENDS)),
    ("scgi_", Lacks(OTHER_BACKENDS)),
    ("grpc_", Lacks(OTHER_BACKENDS)),
    ("auth_", Guards("wsgate has no such guard")),
    ("modsecurity_", Lacks("wsgate has no request filter")),
    ("lua_", Lacks("there is no scripting")),
    ("pagespeed", Lacks("bodies are never changed")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_meaning() {
        let names: Vec<&str> = TABLE.iter().flat_map(|(names, _)| names.split(' ')).collect();
        let mut once = names.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), names.len());
    }

    #[test]
    fn families_are_found_by_their_beginning_and_strangers_are_not_carried() {
        assert_eq!(meaning("gzip_types"), Lacks(COMPRESSION));
        assert_eq!(meaning("proxy_pass"), Read);
        assert_eq!(meaning("frobnicate"), Lacks("wsgate has nothing like it"));
    }
}
