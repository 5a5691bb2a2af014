/** Tokens that must be the same at least: what follows a single one is a guess. */
const SHORTEST_MATCH = 2
/** Longer ones are not told apart. */
const LONGEST_MATCH = 16

/**
 * What followed the last time that a sequence went on from the tokens with which it ends: prompt-lookup decoding (Saxena,
 * 2023). Of all earlier places the one counts with the most equal tokens before it, of equal ones the last.
 *
 * @returns at most `most` tokens, none where its last two tokens have not come before.
 */
export function lookUpPrompt(tokens: readonly number[], most: number): readonly number[] {
  let longest = SHORTEST_MATCH - 1
  let best = 0
  for (let end = tokens.length - 1; end >= SHORTEST_MATCH && longest < LONGEST_MATCH; end--) {
    const length = sharedEnd(tokens, end)
    if (length > longest) [longest, best] = [length, end]
  }
  return best === 0 ? [] : tokens.slice(best, best + most)
}

/** How many tokens before `end` are those at the end of all, as far as it matters. */
function sharedEnd(tokens: readonly number[], end: number): number {
  const most = Math.min(end, LONGEST_MATCH)
  let length = 0
  while (length < most && tokens[end - 1 - length] === tokens[tokens.length - 1 - length]) length += 1
  return length
}
