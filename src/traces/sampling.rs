//! Which requests are traced whose sender does not say.

/// Takes a share of all requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sampler {
    /// Hashes up to this are taken; none: nothing is.
    up_to: Option<u64>,
}

impl Sampler {
    /// `share` is from 0 to 1.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of all numbers is one of them"
    )]
    #[expect(clippy::cast_precision_loss, reason = "a share need not be exact to one in many millions")]
    pub(super) fn of(share: f64) -> Self {
        Self { up_to: (share > 0.0).then_some((share * u64::MAX as f64) as u64) }
    }

    /// Whether the request of this number is taken. The numbers of one connection follow one another, so they are spread
    /// first: a product with the golden ratio spreads them evenly.
    pub(super) const fn takes(self, number: u128) -> bool {
        const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
        #[expect(clippy::cast_possible_truncation, reason = "both halves take part")]
        let folded = number as u64 ^ (number >> 64) as u64;
        match self.up_to {
            Some(up_to) => folded.wrapping_mul(GOLDEN) <= up_to,
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_numbers_that_follow_one_another_is_taken() {
        for (share, expected) in [(0.0, 0..=0), (0.01, 950..=1050), (0.5, 49_000..=51_000), (1.0, 100_000..=100_000)] {
            let sampler = Sampler::of(share);
            let from = 0x0123_4567_89ab_cdef_fedc_ba98_7654_3210_u128;
            let taken = (0..100_000).filter(|n| sampler.takes(from + n)).count();
            assert!(expected.contains(&taken), "{share}: {taken}");
        }
    }
}
