/**
 * Deterministic generator of texts with labelled entities: what the demo model of entities is evaluated with. It draws as
 * the generator did that made its training texts, so that every platform gives the same texts, and equal seeds the same F1.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createWriter, type Draw, type FoundEntity, pick, type SentenceWords } from './sentence-writer.js'

export interface LabelledTextOptions {
  /** Any 32-bit integer; those from 900001 on were not used in training. */
  readonly seed: number
  readonly count: number
  /** 'test': sentences and names that training has not seen. Default 'train': its sentences and names. */
  readonly from?: 'train' | 'test' | undefined
  /** Names of labels as in training (`seen`, the default), put together anew, or of words that it has not seen. */
  readonly labels?: 'seen' | 'recombined' | 'new' | undefined
  /** Whether entities may lie within others. Default false. */
  readonly nested?: boolean | undefined
}

/** A text, what is looked for in it, and what is to be found: UTF-16 offsets, `end` behind the last character. */
export interface LabelledText {
  readonly text: string
  readonly labels: readonly string[]
  readonly entities: readonly { readonly start: number; readonly end: number; readonly label: string }[]
}

/** @param folder that holds words.json. */
export function labelledTextsOf(
  folder: string,
  { seed, count, from = 'train', labels = 'seen', nested = false }: LabelledTextOptions,
): LabelledText[] {
  const words: SentenceWords = JSON.parse(readFileSync(join(folder, 'words.json'), 'utf8'))
  const draw = mulberry32(seed)
  return Array.from({ length: count }, () => {
    const writer = createWriter({ words, draw, heldOut: from === 'test', unseenNouns: false })
    const dice = draw(10)
    const sentences = dice < 5 ? 1 : dice < 8 ? 2 : 3
    for (let sentence = 0; sentence < sentences; sentence++) {
      if (sentence > 0) writer.write(' ')
      const kind = draw(100) < 15 ? 'plain' : from
      writer.expand(pick(draw, words.templates[kind]))
    }
    const found = [...writer.found].sort((a, b) => a.start - b.start || b.end - a.end)
    const asked = shuffled(draw, askedTypes(draw, words, found, nested))
    const chosen = new Map(
      asked.slice(0, MOST_LABELS).map((type) => [type, pick(draw, words.labels[type]![labels].split('|'))]),
    )
    return {
      text: writer.text,
      labels: [...chosen.values()],
      entities: found.flatMap(({ start, end, types }) =>
        types.flatMap((type) => (chosen.has(type) ? [{ start, end, label: chosen.get(type)! }] : [])),
      ),
    }
  })
}

const MOST_LABELS = 12
/** Labels of which the text has no entity. */
const ABSENT = 4

/** Of what is in the text, one level of each kind; and some of what is not. */
function askedTypes(
  draw: Draw,
  { labels }: SentenceWords,
  found: readonly FoundEntity[],
  nested: boolean,
): string[] {
  const broad = ['location', 'organisation'].filter(() => draw(2) === 1)
  let asked: string[] = []
  for (const { types } of found) {
    const kind = broad.includes(types.at(-1)!) ? types.at(-1)! : types[0]!
    if (!asked.includes(kind)) asked.push(kind)
  }
  if (!nested) asked = withoutInner(asked, found)
  const absent = Object.keys(labels).filter((type) => !found.some(({ types }) => types.includes(type)))
  for (let left = ABSENT; left > 0; left--) {
    const kind = pick(draw, absent)
    if (!asked.includes(kind)) asked.push(kind)
  }
  return asked
}

/** Types whose entities would lie within others that are asked for are not asked for. */
function withoutInner(asked: string[], found: readonly FoundEntity[]): string[] {
  let left = asked
  for (const outer of found) {
    for (const inner of found) {
      const isInside = inner !== outer && outer.start <= inner.start && inner.end <= outer.end
      if (!isInside || !outer.types.some((type) => left.includes(type))) continue
      left = left.filter((type) => !inner.types.includes(type) || outer.types.includes(type))
    }
  }
  return left
}

function shuffled(draw: Draw, items: readonly string[]): string[] {
  const list = [...items]
  for (let last = list.length - 1; last > 0; last--) {
    const other = draw(last + 1)
    ;[list[last], list[other]] = [list[other]!, list[last]!]
  }
  return list
}

/** 32 bits of state and of each number. */
function mulberry32(seed: number): Draw {
  let state = seed >>> 0
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) * limit) / 2 ** 32)
  }
}
