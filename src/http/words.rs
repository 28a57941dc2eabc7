//! What a field's value is filled in with for each request. Knows templates only.

use std::fmt::{Display, Write};

use crate::config::model::{Template, TemplatePart};

/// What the `${…}` of a [`Template`] stand for.
#[derive(Clone, Copy)]
pub struct Words<'a> {
    /// `${client_ip}`
    pub client_ip: &'a dyn Display,
    /// `${host}`
    pub host: &'a str,
    /// `${scheme}`: whether it is https.
    pub tls: bool,
    /// `${request_id}`
    pub request_id: &'a str,
}

impl Words<'_> {
    /// The template with everything filled in.
    pub fn fill(&self, template: &Template) -> String {
        let mut value = String::new();
        for part in &template.0 {
            match part {
                TemplatePart::Text(text) => value.push_str(text),
                // Writing to a String cannot fail.
                TemplatePart::ClientIp => drop(write!(value, "{}", self.client_ip)),
                TemplatePart::Host => value.push_str(self.host),
                TemplatePart::Scheme => value.push_str(if self.tls { "https" } else { "http" }),
                TemplatePart::RequestId => value.push_str(self.request_id),
            }
        }
        value
    }
}
