//! How many files the process may open: each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What an instance opens besides connections of clients and of the upstream: listeners, logs, rules, Redis.
const OTHERS: u64 = 64;

/// Raises the soft limit of open files to the hard one, and says so where `connections_max` clients, each of whom may need a
/// connection to the upstream as well, don't fit.
pub(super) fn make_room(connections_max: usize) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // No limit at all needs no raising.
    let Some(limit) = current else { return };
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let limit = match (raised, maximum) {
        (Ok(()), None) => return,
        (Ok(()), Some(maximum)) => maximum,
        (Err(error), _) => {
            tracing::warn!(%error, limit, "the limit of open files (RLIMIT_NOFILE) could not be raised");
            limit
        }
    };
    let wanted = files_for(connections_max);
    if wanted > limit {
        let fitting = limit.saturating_sub(OTHERS) / 2;
        tracing::warn!(
            limit,
            wanted,
            fitting,
            "limits.connections needs more open files than this process may have: raise the limit (ulimit -n, \
             LimitNOFILE), or lower limits.connections to the number that fits"
        );
    }
}

fn files_for(connections_max: usize) -> u64 {
    u64::try_from(connections_max).unwrap_or(u64::MAX).saturating_mul(2).saturating_add(OTHERS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_may_need_two_files() {
        assert_eq!(files_for(0), OTHERS);
        assert_eq!(files_for(1000), 2000 + OTHERS);
        assert_eq!(files_for(usize::MAX), u64::MAX);
    }

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let lower = current.or(maximum).map_or(1 << 16, |limit| limit - 1);
        setrlimit(Resource::Nofile, Rlimit { current: Some(lower), maximum }).unwrap();
        make_room(1);
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }
}
