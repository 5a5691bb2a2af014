import type { Builder } from './builder.js'

/** Draws the choice between texts; what they begin with together is drawn once. */
export function emitTexts(builder: Builder, from: number, texts: Iterable<string>): number {
  const end = builder.state()
  const next = new Map<string, number>()
  for (const text of new Set(texts)) {
    let state = from
    for (const byte of utf8.encode(text)) {
      const key = `${state},${byte}`
      const known = next.get(key)
      state = known ?? builder.bytes(state, byte, byte)
      next.set(key, state)
    }
    builder.epsilon(state, end)
  }
  return end
}

const utf8 = new TextEncoder()
