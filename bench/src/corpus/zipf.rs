//! The rank law: the second is met half as often as the first, the third a third as often.

use rand::{Rng, rngs::StdRng};

/// Ranks from 0, each drawn in proportion to 1 / (rank + 1).
#[derive(Debug, Clone)]
pub struct Zipf {
    cumulative: Vec<f64>,
}

impl Zipf {
    /// Over so many ranks.
    pub fn new(ranks: usize) -> Self {
        let mut sum = 0.0;
        let cumulative = (1..=ranks)
            .map(|rank| {
                sum += 1.0 / rank as f64;
                sum
            })
            .collect();
        Self { cumulative }
    }

    /// Draws a rank.
    pub fn draw(&self, random: &mut StdRng) -> usize {
        let total = self.cumulative.last().copied().unwrap_or_default();
        let at = random.random::<f64>() * total;
        self.cumulative
            .partition_point(|sum| *sum < at)
            .min(self.cumulative.len().saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn the_first_is_met_twice_as_often_as_the_second() {
        let zipf = Zipf::new(100);
        let mut random = StdRng::seed_from_u64(1);
        let mut met = [0_u32; 100];
        for _ in 0..100_000 {
            met[zipf.draw(&mut random)] += 1;
        }
        let ratio = f64::from(met[0]) / f64::from(met[1]);
        assert!((1.8..2.2).contains(&ratio), "{ratio}");
        assert!(met.iter().all(|times| *times > 0));
    }
}
