/** The replacements of `clean_up_tokenization` in transformers, in its order. */
const replacements: readonly (readonly [RegExp, string])[] = [
  [/ \./g, '.'],
  [/ \?/g, '?'],
  [/ !/g, '!'],
  [/ ,/g, ','],
  [/ ' /g, "'"],
  [/ n't/g, "n't"],
  [/ 'm/g, "'m"],
  [/ 's/g, "'s"],
  [/ 've/g, "'ve"],
  [/ 're/g, "'re"],
]

/** Every character that occurs in a pattern: a cut behind any other character cannot fall inside a match. */
const insidePatterns = /[ .?!,'ntmsver]*$/

/** Removes the spaces that word-level tokenizers put before punctuation and contractions. */
export function cleanUp(text: string): string {
  return replacements.reduce((result, [pattern, replacement]) => result.replace(pattern, replacement), text)
}

/** cleanUp for text that arrives in pieces: text that a later piece may still change is held back. */
export function createCleanUpStream(): { push(text: string): string; flush(): string } {
  let held = ''
  return {
    push(text) {
      const all = held + text
      const cut = all.search(insidePatterns)
      held = all.slice(cut)
      return cleanUp(all.slice(0, cut))
    },
    flush() {
      const rest = cleanUp(held)
      held = ''
      return rest
    },
  }
}
