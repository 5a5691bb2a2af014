const ALL = 0xffff_ffff

/**
 * Makes -Infinity of the logits of tokens that a mask leaves out, and of those beyond it. Changes `logits`.
 *
 * @param mask bit `id & 31` of element `id >> 5` is set for a token that may come.
 */
export function applyMask(logits: Float32Array, mask: Uint32Array): void {
  for (let first = 0; first < logits.length; first += 32) {
    const bits = mask[first >> 5] ?? 0
    const end = Math.min(first + 32, logits.length)
    if (bits === 0) logits.fill(Number.NEGATIVE_INFINITY, first, end)
    else if (bits !== ALL) forbidUnset(logits, bits, first, end)
  }
}

function forbidUnset(logits: Float32Array, bits: number, first: number, end: number): void {
  for (let id = first; id < end; id++) {
    if (((bits >>> (id & 31)) & 1) === 0) logits[id] = Number.NEGATIVE_INFINITY
  }
}
