/** Beyond this nobody mistyped a name; and the work grows with the length. */
const LONGEST_NAME = 200

/**
 * The candidate that takes the fewest changed letters to write; case and underscores do not count.
 *
 * @param most changed letters at most
 */
export function closestName(
  name: string,
  candidates: readonly string[],
  most = Number.POSITIVE_INFINITY,
): string | undefined {
  if (name.length > LONGEST_NAME) return undefined
  const meant = plain(name)
  let closest: string | undefined
  let least = most + 1
  for (const candidate of candidates) {
    const letters = plain(candidate)
    // Each letter that one has more than the other is a changed one.
    if (Math.abs(letters.length - meant.length) >= least) continue
    const distance = editDistance(meant, letters)
    if (distance < least) [closest, least] = [candidate, distance]
  }
  return closest
}

/** The beginning of a hint: a question, or nothing where no name is near. */
export function likeliest(name: string, candidates: readonly string[]): string {
  const closest = closestName(name, candidates)
  return closest === undefined ? '' : `Did you mean "${closest}"? `
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll('_', '')
}

/** Levenshtein distance in which two letters that changed places count once, one row at a time. */
function editDistance(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swapped = isSwapped ? before[j - 2]! + 1 : replaced
      next.push(Math.min(replaced, swapped, row[j]! + 1, next[j - 1]! + 1))
    }
    before = row
    row = next
  }
  return row[b.length]!
}
