// Powers of four numbers at once, for sums that are compared: good to about 2e-6, at a tenth of the time of the exact one.

/** 2 / ln 2 · (1, 1/3, 1/5, 1/7): log2 m = Σ of odd powers of (m − 1) / (m + 1). */
const LOG1: f32 = 2.8853900817779268
const LOG3: f32 = 0.9617966939259756
const LOG5: f32 = 0.5770780163555854
const LOG7: f32 = 0.4121985831111324
/** (ln 2)ᵏ / k!: 2ᶠ as a polynomial of f. */
const EXP1: f32 = 0.6931471805599453
const EXP2: f32 = 0.2402265069591007
const EXP3: f32 = 0.05550410866482158
const EXP4: f32 = 0.009618129107628477
const EXP5: f32 = 0.0013333558146428443
const EXP6: f32 = 0.0001540353039338161

/** base ** exponent for numbers that are not negative; what is too small for a normal float32 counts as 0. */
@inline
export function power4(base: v128, exponent: f32): v128 {
  // base = m · 2ᵉ with m between √½ and √2.
  const mantissa = v128.or(v128.and(base, i32x4.splat(0x7fffff)), i32x4.splat(0x3f800000))
  const upper = f32x4.gt(mantissa, f32x4.splat(1.4142135))
  const m = v128.bitselect(f32x4.mul(mantissa, f32x4.splat(0.5)), mantissa, upper)
  // A comparison that holds is -1.
  const whole = i32x4.sub(i32x4.sub(i32x4.shr_u(base, 23), i32x4.splat(127)), upper)
  const s = f32x4.div(f32x4.sub(m, f32x4.splat(1)), f32x4.add(m, f32x4.splat(1)))
  const t = f32x4.mul(s, s)
  let log = f32x4.add(f32x4.mul(t, f32x4.splat(LOG7)), f32x4.splat(LOG5))
  log = f32x4.add(f32x4.mul(t, log), f32x4.splat(LOG3))
  log = f32x4.add(f32x4.mul(t, log), f32x4.splat(LOG1))
  log = f32x4.add(f32x4.mul(s, log), f32x4.convert_i32x4_s(whole))

  const power = f32x4.min(f32x4.mul(log, f32x4.splat(exponent)), f32x4.splat(127))
  const n = f32x4.nearest(power)
  const f = f32x4.sub(power, n)
  let value = f32x4.add(f32x4.mul(f, f32x4.splat(EXP6)), f32x4.splat(EXP5))
  value = f32x4.add(f32x4.mul(f, value), f32x4.splat(EXP4))
  value = f32x4.add(f32x4.mul(f, value), f32x4.splat(EXP3))
  value = f32x4.add(f32x4.mul(f, value), f32x4.splat(EXP2))
  value = f32x4.add(f32x4.mul(f, value), f32x4.splat(EXP1))
  value = f32x4.add(f32x4.mul(f, value), f32x4.splat(1))
  const scale = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23)
  const isTiny = v128.or(f32x4.lt(base, f32x4.splat(1.1754944e-38)), f32x4.lt(n, f32x4.splat(-126)))
  return v128.andnot(f32x4.mul(value, scale), isTiny)
}
