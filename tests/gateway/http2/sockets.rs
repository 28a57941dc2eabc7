//! WebSockets as streams of HTTP/2 (RFC 8441).
