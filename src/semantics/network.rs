//! What counts as one client.

use std::net::IpAddr;

/// An IPv4 address, or of IPv6 what one subscriber is given, the first 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network(u64);

impl From<IpAddr> for Network {
    fn from(client: IpAddr) -> Self {
        Self(match client.to_canonical() {
            IpAddr::V4(address) => u64::from(u32::from(address)),
            // What is cut off names hosts within one network.
            IpAddr::V6(address) => u64::try_from(u128::from(address) >> 64).unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_an_address_or_a_network_of_ipv6() {
        for (one, other, same) in [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("2001:db8::1", "2001:db8::2", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
        ] {
            let network = |text: &str| Network::from(text.parse::<IpAddr>().unwrap());
            assert_eq!(network(one) == network(other), same, "{one} {other}");
        }
    }
}
