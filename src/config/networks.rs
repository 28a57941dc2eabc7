//! Lists of networks, and who is on them. Knows addresses only.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

/// Whether a list of networks has this address. IPv4-mapped IPv6 addresses count as the IPv4
/// addresses they are, on either side.
pub fn has_address(networks: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| match (network, address) {
        // Only a network inside ::ffff:0:0/96 means IPv4 addresses; `::/0` does not.
        (IpNet::V6(network), IpAddr::V4(address)) if network.prefix_len() >= 96 => {
            network.contains(&address.to_ipv6_mapped())
        }
        _ => network.contains(&address),
    })
}

/// Whether a peer is one of those who may speak for others. A unix socket has no address to be on
/// the list with; whoever can open it is trusted as soon as anyone is.
pub fn is_trusted(peer: Option<IpAddr>, trusted: &[IpNet]) -> bool {
    peer.map_or(!trusted.is_empty(), |it| has_address(trusted, it))
}

/// What counts as one client: an IPv4 address, or the /64 of an IPv6 address, since a client has
/// all of it and changes its address in there from day to day.
pub fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_client_is_its_64_and_a_mapped_one_its_ipv4_address() {
        for (address, expected) in [
            ("203.0.113.7", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ] {
            let ip = |it: &str| it.parse::<IpAddr>().expect(it);
            assert_eq!(household(ip(address)), ip(expected), "{address}");
        }
    }
}
