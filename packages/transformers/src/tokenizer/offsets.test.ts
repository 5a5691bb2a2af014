import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readNormalizer } from './engine/normalizers.js'
import { ownSpans } from './engine/spans.js'
import { AutoTokenizer, codePointOffsets } from './index.js'
import { goldens, readGolden, withFolder } from './test-folder.js'

interface Case {
  readonly folder: string
  /** Of tokenizer.json. */
  readonly changes: object
  readonly text: string
  readonly ids: readonly number[]
  /** In code points; null for what is put around the text. */
  readonly offsets: readonly (readonly [start: number, end: number] | null)[]
}

const cases = await readGolden<readonly Case[]>('offsets.json')
const keyOf = ({ folder, changes }: Case) => `${folder} ${JSON.stringify(changes).length}`

describe('tokens stand where Python says', () => {
  it.each([...new Set(cases.map(keyOf))])('%s', async (key) => {
    const own = cases.filter((each) => keyOf(each) === key)
    const { folder, changes } = own[0]!
    const json = JSON.parse(await readFile(join(goldens, folder, 'tokenizer.json'), 'utf8'))
    const files = { 'tokenizer.json': { ...json, ...changes } }
    const tokenizer = await withFolder(files, AutoTokenizer.fromPretrained)
    for (const { text, ids, offsets } of own) {
      const found = await tokenizer.encodeWithOffsetsAsync(text)
      const place = codePointOffsets(text)
      const inCodePoints = found.offsets.map((span) => span?.map(place) ?? null)
      expect(found.ids, JSON.stringify(text)).toEqual(ids)
      expect(inCodePoints, JSON.stringify(text)).toEqual(offsets)
    }
  })
})

it('a text that is cut keeps the offsets of its tokens and of the end', async () => {
  const tokenizer = await AutoTokenizer.fromPretrained(join(goldens, 'words'))
  const found = await tokenizer.encodeWithOffsetsAsync('who lives there', { truncateTo: 4 })
  expect(found.offsets).toEqual([undefined, [0, 3], [4, 9], undefined])
})

describe('a long text that is rewritten', () => {
  const normalized = async (type: string) => {
    const json = JSON.parse(await readFile(join(goldens, 'words', 'tokenizer.json'), 'utf8'))
    const changes = { normalizer: { type }, pre_tokenizer: { type: 'WhitespaceSplit' } }
    return withFolder({ 'tokenizer.json': { ...json, ...changes } }, AutoTokenizer.fromPretrained)
  }

  it('keeps its places across the letters that are composed, and those that are not', async () => {
    const tokenizer = await normalized('NFKC')
    // Two letters become a syllable, a space and a mark one character, and the signs of a family stay what they are.
    const strange = ['ㄱㅏ', 'か\uFF9E', 'e\u0301\u0323', '👩‍👧', '\u1112\u1161\u11AB', '①', '\uFFA1\uFFC2']
    const text = strange
      .map((word) => `house ${word} sea `)
      .join('')
      .repeat(2000)
    const { offsets } = await tokenizer.encodeWithOffsetsAsync(text)
    const starts = offsets.flatMap((place) => place?.[0] ?? [])
    expect(starts).toEqual(Array.from(text.matchAll(/\S+/g), ({ index }) => index))
  })

  it('pauses while the places of its letters are noted', () => {
    const text = 'e\u0301\u4E2D'.repeat(20_000)
    const steps = readNormalizer({ type: 'NFC' })!(text, { spans: ownSpans(text.length) })
    expect([...steps].length).toBeGreaterThan(100)
  })
})
