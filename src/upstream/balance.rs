//! Whose turn it is: pingora's round robin.
//!
//! pingora knows its backends by socket address and resolves names once, when it is built. Here a server may be a name
//! whose addresses come and go, so a backend is a stand-in that carries the server's index as its port; connecting and
//! health stay with [`super::server::Server`].

use futures_util::FutureExt;
use pingora_load_balancing::discovery::Static;
use pingora_load_balancing::selection::RoundRobin;
use pingora_load_balancing::{Backend, Backends, LoadBalancer};

pub(super) struct Balance {
    servers: usize,
    /// None where there is nothing to choose from.
    balancer: Option<LoadBalancer<RoundRobin>>,
}

impl Balance {
    /// Turns among `servers` servers.
    pub(super) fn new(servers: usize) -> Self {
        let balancer = (servers > 1).then(|| {
            // Each text is a valid socket address as long as the index fits a port, which the options see to.
            let backends = (0..servers).filter_map(|index| Backend::new(&format!("0.0.0.0:{index}")).ok()).collect();
            let balancer = LoadBalancer::from_backends(Backends::new(Static::new(backends)));
            // A static list is there at once and can't fail.
            let _ = balancer.update().now_or_never();
            balancer
        });
        Self { servers, balancer }
    }

    /// The index of the next server that `accept` takes.
    pub(super) fn next(&self, accept: impl Fn(usize) -> bool) -> Option<usize> {
        let Some(balancer) = &self.balancer else {
            return accept(0).then_some(0);
        };
        // Requests that choose at the same time move each other's turn on, so one may meet a server twice before it
        // has met them all; hence more steps than servers.
        let steps_max = self.servers * 4;
        let backend = balancer.select_with(b"", steps_max, |backend, _| index(backend).is_some_and(&accept))?;
        index(&backend)
    }
}

fn index(backend: &Backend) -> Option<usize> {
    Some(usize::from(backend.addr.as_inet()?.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_take_turns_and_refused_ones_are_passed_over() {
        let balance = Balance::new(3);
        let mut turns: Vec<_> = (0..3).map(|_| balance.next(|_| true).unwrap()).collect();
        turns.sort_unstable();
        assert_eq!(turns, [0, 1, 2]);
        for _ in 0..10 {
            assert_eq!(balance.next(|index| index == 1), Some(1));
        }
        assert_eq!(balance.next(|_| false), None);
    }

    #[test]
    fn one_server_is_always_its_own_turn() {
        let balance = Balance::new(1);
        assert_eq!((balance.next(|_| true), balance.next(|_| false)), (Some(0), None));
    }
}
