import { createHash } from 'node:crypto'
import type { CompiledGrammar, GrammarSource } from 'hfquant'

/** Grammars of one model that are kept. */
const MOST_KEPT = 64

type Compile = (source: GrammarSource) => Promise<CompiledGrammar>

/** Keeps what was compiled last: the next request often has the same schema. */
export function createGrammarCache(compile: Compile): Compile {
  const kept = new Map<string, Promise<CompiledGrammar>>()
  return (source) => {
    const key = createHash('sha256').update(JSON.stringify(source)).digest('base64url')
    const compiled = kept.get(key) ?? compile(source)
    kept.delete(key)
    kept.set(key, compiled)
    if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value!)
    // Another try may have more time.
    compiled.catch(() => {
      if (kept.get(key) === compiled) kept.delete(key)
    })
    return compiled
  }
}
