//! The words themselves. Their names are stable: tools outside the project read them in logs and
//! counters.

/// Declares a plain enum together with the stable name of each value and the list of all.
macro_rules! vocabulary {
    ($(#[$doc:meta])* $name:ident { $($(#[$item_doc:meta])* $item:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$item_doc])* $item,)+ }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$item,)+];

            /// The name used in logs and counters. Stable: tools outside the project read it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$item => $text,)+ }
            }
        }
    };
}

vocabulary! {
    /// Who ended it.
    By {
        /// The peer that connected to a listener.
        Client = "client",
        /// The server behind the route.
        Backend = "backend",
        /// wsgate itself: a rule, a timer, a drain.
        Gateway = "gateway",
    }
}

vocabulary! {
    /// The stages of a connection's life, in order; each is a room of the house.
    Stage {
        /// Accepted, nothing read yet but perhaps the PROXY header.
        Accept = "accept",
        /// TLS handshake.
        Tls = "tls",
        /// Reading and checking a request head.
        Request = "request",
        /// Origin, app id, address.
        Admission = "admission",
        /// Dialling the backend.
        Connect = "connect",
        /// The WebSocket handshake with the backend.
        Handshake = "handshake",
        /// A plain HTTP exchange.
        Exchange = "exchange",
        /// Frames in both directions.
        Relay = "relay",
    }
}

vocabulary! {
    /// Every bounded wait, named after its key in the configuration.
    Timer {
        /// `gateway.timeouts.proxy_header`
        ProxyHeader = "proxy_header",
        /// `gateway.timeouts.tls_handshake`
        TlsHandshake = "tls_handshake",
        /// `gateway.timeouts.request_head`
        RequestHead = "request_head",
        /// `gateway.timeouts.request_body`
        RequestBody = "request_body",
        /// `gateway.timeouts.keep_alive`
        KeepAlive = "keep_alive",
        /// `gateway.timeouts.close`
        Close = "close",
        /// `backends.NAME.connect_timeout`
        Connect = "connect_timeout",
        /// `backends.NAME.hold`
        Hold = "hold",
        /// `backends.NAME.health.timeout`
        Health = "health_timeout",
        /// `timeouts.upgrade_response`
        UpgradeResponse = "upgrade_response",
        /// `timeouts.response`
        Response = "response",
        /// `heartbeat.client_timeout`
        ClientSilent = "client_timeout",
        /// `heartbeat.backend_timeout`
        BackendSilent = "backend_timeout",
        /// `heartbeat.idle_timeout`
        Idle = "idle_timeout",
        /// `heartbeat.max_age`
        MaxAge = "max_age",
        /// `limits.stalled_writer`
        StalledWriter = "stalled_writer",
        /// For a disk to give a piece of a file.
        Disk = "disk",
        /// For a new process to take the listeners over.
        Handover = "handover",
        /// For one answer of an ACME server.
        AcmeRequest = "acme_request",
        /// For an order at an ACME server, from beginning to end.
        AcmeOrder = "acme_order",
        /// `gateway.drain.timeout`
        Drain = "drain_timeout",
    }
}

vocabulary! {
    /// Why a client was turned away; but for the rates before any backend saw a byte.
    Refusal {
        /// Its address has `gateway.max_connections_per_ip` already.
        ConnectionsPerIp = "connections_per_ip",
        /// Its address connects faster than `gateway.handshakes_per_ip`.
        HandshakesPerIp = "handshakes_per_ip",
        /// The gateway uses more than `gateway.memory`: nobody new, and no slow socket.
        Memory = "memory",
        /// Its route has `limits.connections` already.
        RouteConnections = "route_connections",
        /// It sends faster than `limits.messages`.
        MessageRate = "message_rate",
        /// It sends faster than `limits.bytes`.
        ByteRate = "byte_rate",
        /// A trusted load balancer sent no PROXY header, or none that can be read.
        ProxyHeader = "proxy_header",
        /// The connection broke a rule of HTTP/2 (RFC 9113).
        Http2Error = "http2_error",
        /// It sent more resets, pings, settings or empty frames than a client has use for.
        Http2Flood = "http2_flood",
        /// The head of an HTTP/2 request is over `gateway.limits`.
        HeadTooLarge = "head_too_large",
        /// The head is not one HTTP/1.1 request with one meaning (RFC 9112).
        BadRequest = "bad_request",
        /// No Host, several, or one that disagrees with the request target.
        BadHost = "bad_host",
        /// The Host does not belong to the site of the SNI, or to any site.
        Misdirected = "misdirected",
        /// The path has no single meaning: encoded slash, NUL, bad escape, above the root.
        BadPath = "bad_path",
        /// No route has this path.
        NoRoute = "no_route",
        /// The address is not allowed on this route.
        Address = "address",
        /// The Origin is not on the route's list.
        Origin = "origin",
        /// Neither an Origin nor a mini-program Referer, and the route wants one.
        MissingOrigin = "missing_origin",
        /// The site wants a client certificate, and this listener speaks no TLS.
        NeedsCertificate = "needs_certificate",
        /// The mini program's app id is not on the route's list.
        AppId = "app_id",
        /// A plain request to a route that only takes WebSockets.
        UpgradeRequired = "upgrade_required",
        /// A WebSocket handshake on a route that takes none.
        UpgradeNever = "upgrade_never",
        /// A WebSocket handshake without TLS on a listener that leads to https.
        NeedsTls = "needs_tls",
        /// The WebSocket handshake breaks RFC 6455 section 4.2.1.
        BadHandshake = "bad_handshake",
        /// A WebSocket version other than 13 (RFC 6455 section 4.4).
        Version = "version",
        /// An Upgrade to something other than websocket, or CONNECT.
        ForeignUpgrade = "foreign_upgrade",
        /// The request body is longer than `limits.request_body`.
        BodyTooLarge = "body_too_large",
        /// The gateway is draining and takes no new sockets.
        Draining = "draining",
        /// Neither GET nor HEAD, where files are served.
        Method = "method",
        /// No file of the route's folder has this path, or none that may be sent: dotfiles, and links
        /// that lead out of the folder, are among these.
        NoFile = "no_file",
        /// A folder without an index, or a file that wsgate may not read.
        Unreadable = "unreadable",
        /// A plain request on an http listener, answered with a redirect.
        Redirected = "redirected",
    }
}

vocabulary! {
    /// What went wrong in the TLS handshake.
    TlsFault {
        /// The client sent no server name.
        NoName = "no_name",
        /// The server name is in no site.
        UnknownName = "unknown_name",
        /// The certificate of the site has yet to be ordered.
        NotIssued = "not_issued",
        /// The client has no certificate, and the site wants one.
        NoCertificate = "no_certificate",
        /// The client's certificate is not of the site's `client_ca`, or not valid now.
        BadCertificate = "bad_certificate",
        /// Not TLS, or no common version, cipher or signature.
        Failed = "failed",
        /// The connection ended in the middle.
        Broken = "broken",
    }
}

vocabulary! {
    /// What a backend did wrong.
    Fault {
        /// Nobody listens there.
        Refused = "refused",
        /// The name does not resolve, or the network does not reach it.
        Unreachable = "unreachable",
        /// The TLS handshake with it failed.
        Tls = "tls",
        /// No server of the pool is up.
        NoServer = "no_server",
        /// It closed the connection without an answer.
        NoAnswer = "no_answer",
        /// Its answer is not HTTP, or broke off.
        BadAnswer = "bad_answer",
        /// 101 without having been asked.
        UnaskedUpgrade = "unasked_upgrade",
        /// 101 with a wrong or missing Sec-WebSocket-Accept, Upgrade or Connection.
        BadAccept = "bad_accept",
        /// A subprotocol that the client did not offer.
        UnofferedSubprotocol = "unoffered_subprotocol",
        /// An extension that the client did not offer.
        UnofferedExtension = "unoffered_extension",
        /// A file of the route's folder cannot be read, or became shorter while it was sent.
        File = "file",
        /// It declined the handshake with an ordinary answer, which was passed on.
        Declined = "declined",
    }
}

vocabulary! {
    /// The rule of RFC 6455 that a frame broke.
    Rule {
        /// A client frame without a mask, or a server frame with one (5.1).
        Mask = "mask",
        /// A reserved bit without an extension that gives it meaning (5.2).
        ReservedBit = "reserved_bit",
        /// A reserved opcode (5.2).
        Opcode = "opcode",
        /// A length not in its shortest form, or with the top bit set (5.2).
        Length = "length",
        /// A control frame that is fragmented or longer than 125 bytes (5.5).
        Control = "control",
        /// A continuation without a beginning, or a beginning inside a message (5.4).
        Sequence = "sequence",
        /// A close code that must not be on the wire, or a payload of one byte (5.5.1, 7.4).
        CloseCode = "close_code",
        /// A close reason that is not UTF-8 (5.5.1).
        CloseReason = "close_reason",
    }
}
