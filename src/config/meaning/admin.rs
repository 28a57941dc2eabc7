//! `[admin]`: where the gateway shows itself, never to the world unless somebody asks for it.

use crate::config::defaults;
use crate::config::model::{Admin, ListenAddress, Listener, Located};
use crate::config::raw;
use crate::config::reader::Reader;
use crate::config::values::{Wrong, address};

/// The admin listener, which must find its address free of `listeners`.
pub fn admin(raw: &raw::Admin, listeners: &[Listener], reader: &mut Reader<'_>) -> Admin {
    let Some(Located { value, spot }) = reader.value(raw.listen.as_ref(), address::admin) else {
        let default = ListenAddress::Tcp(defaults::ADMIN_LISTEN);
        // Somebody may serve clients there; the default is no reason to refuse that.
        let taken = listeners.iter().any(|it| address::overlap(&it.address.value, &default));
        return Admin { listen: (!taken).then_some(default) };
    };
    let listen = value.map(|it| match it {
        ListenAddress::Unix(path) => ListenAddress::Unix(reader.path(&path)),
        tcp => tcp,
    });
    let Some(listen) = listen else { return Admin { listen: None } };
    if listeners.iter().any(|it| address::overlap(&it.address.value, &listen)) {
        reader.error(spot, Wrong::new("this address is already taken by a listener"));
    } else if let ListenAddress::Tcp(at) = &listen
        && !at.ip().is_loopback()
    {
        let message = "whoever reaches this address sees who is connected and may close sockets: it asks for no password";
        let hint =
            "listen on 127.0.0.1 or a unix socket, or let a firewall keep everybody else away";
        reader.warning(spot, Wrong::new(message).hint(hint));
    }
    Admin { listen: Some(listen) }
}
