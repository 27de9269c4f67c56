//! The error function, the gamma function and powers of ten.
//!
//! erf: its Maclaurin series below 2.5, else the continued fraction of erfc. Gamma: the Lanczos
//! approximation with g = 7 and nine coefficients, exact factorials for small integers.

use std::f64::consts::PI;

/// Powers of ten, exact for integers of at most 22.
pub(super) fn exp10(x: f64) -> f64 {
    if x.fract() == 0.0 && x.abs() < 400.0 {
        let text = format!("1e{}", x as i64);
        return text.parse().unwrap_or(f64::NAN);
    }
    10_f64.powf(x)
}

/// The error function.
pub(super) fn erf(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    let a = x.abs();
    if a < 2.5 {
        // 2/sqrt(pi) * exp(-x^2) * sum of x * (2x^2)^n / (1 * 3 * ... * (2n + 1)): all terms positive.
        let (mut term, mut sum, mut n) = (a, a, 0.0);
        while term > sum * 1e-17 {
            n += 1.0;
            term *= 2.0 * a * a / (2.0 * n + 1.0);
            sum += term;
        }
        return (2.0 / PI.sqrt() * (-a * a).exp() * sum).copysign(x);
    }
    (1.0 - erfc_far(a)).copysign(x)
}

/// 1 - erf.
pub(crate) fn erfc(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    if x > 2.5 {
        return erfc_far(x);
    }
    1.0 - erf(x)
}

/// erfc for large x by its continued fraction, evaluated from behind.
fn erfc_far(x: f64) -> f64 {
    if x > 27.3 {
        return 0.0;
    }
    let mut fraction = 0.0;
    for k in (1..=80).rev() {
        fraction = f64::from(k) / 2.0 / (x + fraction);
    }
    (-x * x).exp() / PI.sqrt() / (x + fraction)
}

const LANCZOS: [f64; 9] = [
    0.999_999_999_999_809_9,
    676.520_368_121_885_1,
    -1_259.139_216_722_402_8,
    771.323_428_777_653_1,
    -176.615_029_162_140_6,
    12.507_343_278_686_905,
    -0.138_571_095_265_720_12,
    9.984_369_578_019_572e-6,
    1.505_632_735_149_311_6e-7,
];

/// The sum of the Lanczos series at x, with the point that its power is of.
fn lanczos(x: f64) -> (f64, f64) {
    let mut sum = LANCZOS[0];
    for (at, coefficient) in LANCZOS.iter().enumerate().skip(1) {
        sum += coefficient / (x + at as f64);
    }
    (sum, x + 7.5)
}

/// The gamma function.
pub(super) fn gamma(x: f64) -> f64 {
    if x.fract() == 0.0 && (1.0..=171.0).contains(&x) {
        return (2..x as u32).map(f64::from).product();
    }
    if x == 0.0 {
        return f64::INFINITY.copysign(x);
    }
    if x < 0.5 {
        if x.fract() == 0.0 {
            return f64::NAN;
        }
        return PI / ((PI * x).sin() * gamma(1.0 - x));
    }
    if x > 171.7 {
        return if x.is_nan() { x } else { f64::INFINITY };
    }
    let (sum, t) = lanczos(x - 1.0);
    let half = t.powf((x - 0.5) / 2.0);
    (2.0 * PI).sqrt() * half * (-t).exp() * half * sum
}

/// The logarithm of the absolute value of the gamma function.
pub(super) fn log_gamma(x: f64) -> f64 {
    if x.is_infinite() {
        return f64::INFINITY;
    }
    if x == 1.0 || x == 2.0 {
        return 0.0;
    }
    if x.fract() == 0.0 && (3.0..=171.0).contains(&x) {
        return gamma(x).ln();
    }
    if x < 0.5 {
        if x.fract() == 0.0 {
            return f64::INFINITY;
        }
        return (PI / (PI * x).sin().abs()).ln() - log_gamma(1.0 - x);
    }
    let (sum, t) = lanczos(x - 1.0);
    0.5 * (2.0 * PI).ln() + (x - 0.5) * t.ln() - t + sum.ln()
}

/// The regularized incomplete beta function, by Lentz's method of continued fractions.
pub(crate) fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x.is_nan() || x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    // The fraction converges quickly on this side of the mean only.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(1.0 - x, b, a);
    }
    const TINY: f64 = 1e-300;
    let away = |v: f64| if v.abs() < TINY { TINY } else { v };
    let front =
        (a * x.ln() + b * (-x).ln_1p() + log_gamma(a + b) - log_gamma(a) - log_gamma(b)).exp() / a;
    let mut c = 1.0;
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for step in 1..10_000 {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away(1.0 + even * d);
        c = away(1.0 + even / c);
        fraction *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away(1.0 + odd * d);
        c = away(1.0 + odd / c);
        let change = d * c;
        fraction *= change;
        if (change - 1.0).abs() < 1e-16 {
            break;
        }
    }
    front * fraction
}
