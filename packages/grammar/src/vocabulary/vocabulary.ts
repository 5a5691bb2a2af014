import { createHash } from 'node:crypto'

/** The tokens of a model, as a tokenizer has them. */
export interface VocabularySource {
  /** Ids from 0 on; as many as the logits have, or fewer. */
  readonly size: number
  /** What a token stands for; empty or undefined for special tokens, which no text under a grammar has. */
  tokenBytes(id: number): Uint8Array | undefined
  /** Tokens that end an answer: they come where the grammar may end, and nowhere else. */
  readonly endTokenIds: readonly number[]
}

/**
 * All token bytes as a tree in preorder: node `i` is one byte, its children follow it, and `nodeEnds[i]` is the first node behind
 * its subtree. About 30 bytes per token. Made once for a model and shared between threads.
 */
export interface Vocabulary {
  /** Equal for equal contents. */
  readonly fingerprint: string
  readonly size: number
  readonly endTokenIds: Int32Array
  readonly nodeBytes: Uint8Array
  /** Of each node: 1 for the first byte of tokens, and so on. */
  readonly nodeDepths: Uint16Array
  readonly nodeEnds: Int32Array
  /** Of each node: the token that ends there, or -1. */
  readonly nodeTokens: Int32Array
  /** Of each token: another one with the same bytes, or -1. */
  readonly nextEqual: Int32Array
  /** Bytes of all tokens, and where those of each begin; one more at the end. */
  readonly tokenBytes: Uint8Array
  readonly tokenOffsets: Int32Array
  /** Bytes of the longest token. */
  readonly longest: number
}

/** Longer tokens never come: whoever puts a novel into one token gets it neither way. */
const MAX_TOKEN_BYTES = 1024

/** Makes the tree. All arrays lie in shared memory, so that a message to a worker copies nothing. */
export function compileVocabulary(source: VocabularySource): Vocabulary {
  const { texts, tokenBytes, tokenOffsets } = collect(source)
  const nextEqual = shared(Int32Array, source.size).fill(-1)
  const idOf = new Map<string, number>()
  for (const [id, text] of texts.entries()) {
    if (text === '') continue
    nextEqual[id] = idOf.get(text) ?? -1
    idOf.set(text, id)
  }

  const bytes: number[] = []
  const depths: number[] = []
  const tokens: number[] = []
  let before = ''
  // Texts with one letter for one byte sort as their bytes do.
  for (const text of [...idOf.keys()].sort()) {
    for (let index = commonLength(before, text); index < text.length; index++) {
      bytes.push(text.charCodeAt(index))
      depths.push(index + 1)
      tokens.push(-1)
    }
    tokens[tokens.length - 1] = idOf.get(text)!
    before = text
  }
  const hash = createHash('sha256').update(tokenBytes).update(tokenOffsets).update(`${source.endTokenIds}`)
  return {
    fingerprint: hash.digest('base64url'),
    size: source.size,
    endTokenIds: sharedFrom(Int32Array, source.endTokenIds),
    nodeBytes: sharedFrom(Uint8Array, bytes),
    nodeDepths: sharedFrom(Uint16Array, depths),
    nodeEnds: subtreeEnds(depths),
    nodeTokens: sharedFrom(Int32Array, tokens),
    nextEqual,
    tokenBytes,
    tokenOffsets,
    longest: depths.reduce((most, depth) => Math.max(most, depth), 0),
  }
}

function collect({ size, tokenBytes: bytesOf, endTokenIds }: VocabularySource) {
  const ends = new Set(endTokenIds)
  const parts = Array.from({ length: size }, (_, id) => {
    const bytes = ends.has(id) ? undefined : bytesOf(id)
    return bytes === undefined || bytes.length > MAX_TOKEN_BYTES ? new Uint8Array(0) : bytes
  })
  const tokenOffsets = shared(Int32Array, size + 1)
  for (const [id, part] of parts.entries()) tokenOffsets[id + 1] = tokenOffsets[id]! + part.length
  const tokenBytes = shared(Uint8Array, tokenOffsets[size]!)
  for (const [id, part] of parts.entries()) tokenBytes.set(part, tokenOffsets[id]!)
  return { texts: parts.map((part) => Buffer.from(part).toString('latin1')), tokenBytes, tokenOffsets }
}

function commonLength(one: string, other: string): number {
  let length = 0
  while (length < one.length && one[length] === other[length]) length++
  return length
}

/** The end of a subtree is the next node that is not deeper. */
function subtreeEnds(depths: readonly number[]): Int32Array {
  const ends = shared(Int32Array, depths.length)
  const open: number[] = []
  for (let node = 0; node <= depths.length; node++) {
    const depth = depths[node] ?? 0
    while (open.length > 0 && depths[open.at(-1)!]! >= depth) ends[open.pop()!] = node
    open.push(node)
  }
  return ends
}

type ArrayKind<T> = { readonly BYTES_PER_ELEMENT: number; new (buffer: SharedArrayBuffer): T }

function shared<T>(kind: ArrayKind<T>, length: number): T {
  return new kind(new SharedArrayBuffer(length * kind.BYTES_PER_ELEMENT))
}

function sharedFrom<T extends { set(values: ArrayLike<number>): void }>(
  kind: ArrayKind<T>,
  values: ArrayLike<number>,
): T {
  const array = shared(kind, values.length)
  array.set(values)
  return array
}
