//! The tests of fit. Levels are so small that a true hypothesis is refused once in a million
//! seeds, and the seeds are fixed.

/// The Kolmogorov–Smirnov distance of a sample from the uniform distribution, in units of what a true sample reaches
/// once in a million: above 1 is a refusal.
pub(super) fn misfit(mut sample: Vec<f64>) -> f64 {
    sample.sort_unstable_by(f64::total_cmp);
    let n = sample.len() as f64;
    let distance = (0..).zip(&sample).fold(0f64, |worst, (index, value)| {
        let below = f64::from(index) / n;
        worst.max(value - below).max(below + 1.0 / n - value)
    });
    // Kolmogorov's limit: P(√n D > x) ≈ 2 exp(−2x²).
    let limit = ((2.0 / 1e-6f64).ln() / 2.0 / n).sqrt();
    distance / limit
}

/// Pearson's correlation of pairs that are uniform each, in standard deviations from none.
pub(super) fn correlation(pairs: &[(f64, f64)]) -> f64 {
    let n = pairs.len() as f64;
    let products: f64 = pairs.iter().map(|(x, y)| (x - 0.5) * (y - 0.5)).sum();
    products / n * 12.0 * n.sqrt()
}

/// Pearson's chi-squared of pairs over an 8 by 8 table with even margins: any dependence, not only a linear one.
/// In units of what independent pairs reach once in a million (63 degrees of freedom): above 1 is a refusal.
pub(super) fn dependence(pairs: &[(f64, f64)]) -> f64 {
    let mut table = [0f64; 64];
    for (x, y) in pairs {
        table[(x * 8.0) as usize * 8 + (y * 8.0) as usize] += 1.0;
    }
    let expected = pairs.len() as f64 / 64.0;
    let squared: f64 = table
        .iter()
        .map(|cell| (cell - expected).powi(2) / expected)
        .sum();
    squared / CHI_SQUARED_63
}

/// The 1 − 10⁻⁶ quantile of chi-squared with 63 degrees of freedom, by Wilson and Hilferty's approximation.
const CHI_SQUARED_63: f64 = 131.7;
