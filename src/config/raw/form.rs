//! The values that may be written in more than one form.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use super::{ServerTable, Words};

/// One of `backends.NAME.servers`.
#[derive(Debug)]
pub enum Server {
    /// `"127.0.0.1:9595"`
    Address(String),
    /// `{ address = "127.0.0.1:9595" }`
    Table(ServerTable),
}

impl<'de> Deserialize<'de> for Server {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = Server;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an address or a table with `address`")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Server, E> {
                Ok(Server::Address(text.to_owned()))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Server, A::Error> {
                ServerTable::deserialize(MapAccessDeserializer::new(map)).map(Server::Table)
            }
        }
        deserializer.deserialize_any(Form)
    }
}

/// `strip_prefix`
#[derive(Debug)]
pub enum StripPrefix {
    /// `true` or `false`
    Switch(bool),
    /// What replaces the prefix.
    Text(String),
}

impl<'de> Deserialize<'de> for StripPrefix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl Visitor<'_> for Form {
            type Value = StripPrefix;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false or a string")
            }
            fn visit_bool<E: Error>(self, on: bool) -> Result<StripPrefix, E> {
                Ok(StripPrefix::Switch(on))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<StripPrefix, E> {
                Ok(StripPrefix::Text(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Form)
    }
}

/// A number that can be `"off"`.
#[derive(Debug)]
pub enum Count {
    /// `100`
    Number(i64),
    /// `"off"`
    Text(String),
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl Visitor<'_> for Form {
            type Value = Count;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or \"off\"")
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Count, E> {
                Ok(Count::Number(number))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Count, E> {
                Ok(Count::Text(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Form)
    }
}

/// `heartbeat.application`
#[derive(Debug)]
pub enum Application {
    /// `"engine.io"`
    Name(String),
    /// `{ ping = "…", pong = "…" }`
    Words(Words),
}

impl<'de> Deserialize<'de> for Application {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = Application;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a table with `ping` and `pong`")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Application, E> {
                Ok(Application::Name(text.to_owned()))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Application, A::Error> {
                Words::deserialize(MapAccessDeserializer::new(map)).map(Application::Words)
            }
        }
        deserializer.deserialize_any(Form)
    }
}
