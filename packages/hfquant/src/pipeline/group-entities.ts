/** A token with its class, as @huggingface/transformers gives it, and its place, as Python does. */
export interface TokenEntity {
  readonly entity: string
  readonly score: number
  /** Of the token in its text, from 0; the one that begins the text counts. */
  readonly index: number
  readonly word: string
  /** Where the token begins in its text, and where it ends, in UTF-16 units. */
  readonly start: number
  readonly end: number
}

/** Tokens of one entity; of the class, without the letter that says where in the entity a token stands. */
export interface TokenGroup {
  readonly tag: string
  readonly tokens: readonly TokenEntity[]
}

/**
 * Neighbours of one class, whose names say with B, I, E or S where in an entity a token stands. A token goes on with the
 * entity before it when its class is the same and it neither begins one (B, S) nor comes behind the end of one (E, S). Tokens
 * that were left out do not part their neighbours, as there.
 */
export function groupEntities(tokens: readonly TokenEntity[]): readonly TokenGroup[] {
  const groups: { tag: string; tokens: TokenEntity[] }[] = []
  let isOpen = false
  for (const token of tokens) {
    const { place, tag } = readTag(token.entity)
    const open = isOpen ? groups.at(-1) : undefined
    if (open?.tag === tag && place !== 'B' && place !== 'S') {
      open.tokens.push(token)
      isOpen = place !== 'E'
    } else {
      groups.push({ tag, tokens: [token] })
      isOpen = place !== 'S'
    }
  }
  return groups
}

function readTag(entity: string): { readonly place: string; readonly tag: string } {
  const [, place = 'I', tag = entity] = /^([BIES])-(.*)$/s.exec(entity) ?? []
  return { place, tag }
}
