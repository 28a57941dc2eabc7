//! The file as written: what keys there are and of which TOML type, and where each value stands.
//! Knows nothing of what they mean.
//!
//! Plain structs on purpose: spans don't survive serde's `flatten`, `untagged` or internally
//! tagged enums. Every key is optional here, so that a missing one is reported with its table and
//! together with everything else.

use toml::Spanned;

/// A string.
pub type Text = Spanned<String>;
/// A whole number.
pub type Whole = Spanned<i64>;
/// An array of strings.
pub type Texts = Spanned<Vec<Text>>;

/// Declares a table: a struct whose keys are all optional and that takes no others.
///
/// What serde derives would also take an array, by position. So it is derived as a function of the
/// struct (`remote = "Self"`), and the trait lets only a table through to it.
macro_rules! table {
    ($(#[$doc:meta])* $name:ident { $($key:ident: $kind:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Default, Deserialize)]
        #[serde(remote = "Self", default, deny_unknown_fields)]
        pub struct $name { $(pub $key: Option<$kind>,)* }

        impl $name {
            /// The names of its keys.
            pub const KEYS: &'static [&'static str] = &[$(stringify!($key),)*];
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Form;
                impl<'de> Visitor<'de> for Form {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a table")
                    }
                    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<$name, A::Error> {
                        $name::deserialize(MapAccessDeserializer::new(map))
                    }
                }
                deserializer.deserialize_map(Form)
            }
        }
    };
}

mod form;
mod tables;

pub use form::{Application, Count, Server, StripPrefix};
pub use tables::*;

/// Every table with its keys, in the order of the contract. Tables inside a table are keys too.
pub fn tables() -> Vec<(&'static str, &'static [&'static str])> {
    vec![
        ("", Raw::KEYS),
        ("gateway", Gateway::KEYS),
        ("gateway.drain", Drain::KEYS),
        ("gateway.timeouts", ClientTimeouts::KEYS),
        ("gateway.limits", HeadLimits::KEYS),
        ("log", Log::KEYS),
        ("admin", Admin::KEYS),
        ("acme", Acme::KEYS),
        ("acme.external_account", ExternalAccount::KEYS),
        ("listeners", Listener::KEYS),
        ("backends.NAME", Backend::KEYS),
        ("backends.NAME.servers", ServerTable::KEYS),
        ("backends.NAME.tls", BackendTls::KEYS),
        ("backends.NAME.health", Health::KEYS),
        ("sites", Site::KEYS),
        ("sites.routes", Route::KEYS),
        ("sites.routes.reply", Reply::KEYS),
        ("sites.routes.clients", Clients::KEYS),
        ("sites.routes.clients.addresses", Addresses::KEYS),
        ("sites.routes.heartbeat", Heartbeat::KEYS),
        ("sites.routes.heartbeat.application", Words::KEYS),
        ("sites.routes.limits", RouteLimits::KEYS),
        ("sites.routes.timeouts", RouteTimeouts::KEYS),
    ]
}

/// The tables that have this key, as their headers are written.
pub fn tables_with(key: &str) -> Vec<String> {
    let having = tables().into_iter().filter(|(_, keys)| keys.contains(&key));
    having
        .map(|(table, _)| match table {
            "" => "the top of the file".to_owned(),
            "listeners" | "sites" | "sites.routes" => format!("[[{table}]]"),
            _ => format!("[{table}]"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_in_the_tables_that_have_it() {
        assert_eq!(tables_with("response"), ["[sites.routes.timeouts]"]);
        assert_eq!(tables_with("domains"), ["[[sites]]"]);
    }
}
