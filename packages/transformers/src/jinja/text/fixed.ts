/**
 * A float with so many digits behind the point, as Python writes it: the exact binary value decides, and a tie goes to
 * the even digit, where JavaScript's `toFixed` goes away from zero. `digits` is at most 50.
 */
export function fixedText(value: number, digits: number): string {
  if (Math.abs(value) >= 1e21)
    return digits === 0 ? String(BigInt(value)) : `${BigInt(value)}.${'0'.repeat(digits)}`
  const rounded = value.toFixed(digits)
  const isTie = /^50*$/.test(value.toFixed(digits + 50).slice(-50))
  if (!isTie || !/[13579]$/.test(rounded)) return rounded
  return (Number(rounded) - Math.sign(value) * 10 ** -digits).toFixed(digits)
}
