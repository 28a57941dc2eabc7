//! TLS toward clients: certificates, the choice by SNI, tickets.

pub mod inspect;
pub mod pem;
