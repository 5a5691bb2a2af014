import type { AddedTokenEntry } from '../tokenizer-json.js'
import { whiteSpace, wordCharacter } from './characters.js'
import { booleanField } from './fields.js'
import type { Normalizer } from './normalizers.js'
import type { Piece } from './pre-tokenizers.js'
import { type Spans, slicedSpans } from './spans.js'
import { runAtOnce, type Steps } from './steps.js'
import { createTextSearch } from './text-search.js'

/** A part of the text: an added token, or normalized text that is still to be split. */
export type Section = { readonly id: number; readonly spans?: Spans | undefined } | Piece

interface AddedToken {
  readonly id: number
  readonly singleWord: boolean
  readonly stripsLeft: boolean
  readonly stripsRight: boolean
}

export interface AddedTokens {
  /**
   * Takes the added tokens out of a text and normalizes what is left.
   *
   * @param spans of the text, where it is traced.
   */
  sections(text: string, spans?: Spans): Steps<readonly Section[]>
  /** What the tokens are called to the decoder, where that is not their content. */
  readonly decoded: ReadonlyMap<number, string>
}

/**
 * Added tokens are found before the model sees the text: those with `normalized` in the normalized text, in their own
 * normalized form, the others in the text as it is.
 */
export function createAddedTokens(
  entries: readonly AddedTokenEntry[],
  normalize: Normalizer | undefined,
): AddedTokens {
  const tokens = new Map<number, AddedToken>()
  const raw = new Map<string, number>()
  const normalized = new Map<string, number>()
  const decoded = new Map<number, string>()
  entries.forEach((entry, index) => {
    const stage = { json: entry, path: `added_tokens[${index}]` }
    tokens.set(entry.id, {
      id: entry.id,
      singleWord: booleanField(stage, 'single_word', false),
      stripsLeft: booleanField(stage, 'lstrip', false),
      stripsRight: booleanField(stage, 'rstrip', false),
    })
    if (!booleanField(stage, 'normalized', entry.special !== true)) {
      raw.set(entry.content, entry.id)
      return
    }
    const form = normalize === undefined ? entry.content : runAtOnce(normalize(entry.content))
    if (form !== '') normalized.set(form, entry.id)
    decoded.set(entry.id, form)
  })
  const findRaw = createTextSearch([...raw])
  const findNormalized = createTextSearch([...normalized])

  return {
    decoded,
    *sections(text, spans) {
      const sections: Section[] = []
      for (const part of yield* split({ text, head: 1, spans }, findRaw)) {
        if ('id' in part) {
          sections.push(part)
        } else {
          const traced = part.spans && { spans: part.spans }
          const form = normalize === undefined ? part.text : yield* normalize(part.text, traced)
          const head = part.head > 0 ? yield* headLength(part.text) : 0
          const normal = { text: form, head, spans: traced?.spans }
          for (const inner of yield* split(normal, findNormalized)) sections.push(inner)
        }
      }
      return sections
    },
  }

  /** What the first character becomes: nothing, if it is removed; the character behind it keeps space from being one. */
  function* headLength(text: string): Steps<number> {
    if (normalize === undefined) return 1
    const form = yield* normalize(`${String.fromCodePoint(text.codePointAt(0)!)}0`)
    return form.endsWith('0') ? form.length - 1 : form.length
  }

  function* split({ text, head, spans }: Piece, find: typeof findRaw): Steps<Section[]> {
    const sections: Section[] = []
    const cut = (start: number, end: number) => spans && { spans: slicedSpans(spans, start, end) }
    let done = 0
    for (const { start, end, value } of yield* find(text)) {
      const token = tokens.get(value)!
      if (token.singleWord && (isWordBefore(text, start) || isWordAt(text, end))) continue
      const from = token.stripsLeft ? Math.max(startOfSpace(text, start, done), done) : start
      const to = token.stripsRight ? endOfSpace(text, end) : end
      if (from > done) {
        sections.push({ text: text.slice(done, from), head: Math.max(0, head - done), ...cut(done, from) })
      }
      sections.push({ id: token.id, ...cut(from, to) })
      done = to
    }
    if (done < text.length) {
      sections.push({ text: text.slice(done), head: Math.max(0, head - done), ...cut(done, text.length) })
    }
    return sections
  }
}

function isWordAt(text: string, at: number): boolean {
  const code = text.codePointAt(at)
  return code !== undefined && wordCharacter.has(code)
}

function isWordBefore(text: string, at: number): boolean {
  if (at === 0) return false
  const isPair = at > 1 && (text.charCodeAt(at - 1) & 0xfc00) === 0xdc00
  return isWordAt(text, at - (isPair ? 2 : 1))
}

function startOfSpace(text: string, from: number, lowest: number): number {
  let at = from
  while (at > lowest && whiteSpace.has(text.charCodeAt(at - 1))) at--
  return at
}

function endOfSpace(text: string, from: number): number {
  let at = from
  while (at < text.length && whiteSpace.has(text.charCodeAt(at))) at++
  return at
}
