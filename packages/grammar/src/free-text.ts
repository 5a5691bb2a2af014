import type { Builder } from './automaton/builder.js'

/** Draws any bytes that do not hold `until`: after each byte, how much of `until` the text ends with. */
export function emitFreeText(builder: Builder, from: number, until: string | undefined): number {
  const end = builder.state()
  const stop = until === undefined ? new Uint8Array(0) : utf8.encode(until)
  if (stop.length === 0) {
    builder.epsilon(from, end)
    builder.bytes(end, 0, 255, end)
    return end
  }
  const states = Array.from(stop, () => builder.state())
  builder.epsilon(from, states[0]!)
  const fallbacks = borders(stop)
  states.forEach((state, matched) => {
    builder.epsilon(state, end)
    // Of a byte that does not go on, the longest beginning that the text ends with then.
    const targets = Array.from({ length: 256 }, (_, byte) => {
      let length = matched
      while (length > 0 && stop[length] !== byte) length = fallbacks[length]!
      return stop[length] === byte ? length + 1 : 0
    })
    for (let low = 0; low < 256; ) {
      const target = targets[low]!
      let high = low
      while (targets[high + 1] === target) high++
      if (target < stop.length) builder.bytes(state, low, high, states[target]!)
      low = high + 1
    }
  })
  return end
}

/** Of each beginning of `bytes`, the length of the longest shorter one that it ends with. */
function borders(bytes: Uint8Array): number[] {
  const lengths = [0, 0]
  for (let length = 2; length <= bytes.length; length++) {
    let border = lengths[length - 1]!
    while (border > 0 && bytes[border] !== bytes[length - 1]) border = lengths[border]!
    lengths.push(bytes[border] === bytes[length - 1] ? border + 1 : 0)
  }
  return lengths
}

const utf8 = new TextEncoder()
