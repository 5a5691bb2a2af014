/** Word lists and templates of the sentences that the demo model of entities was trained and is evaluated on. */
export interface SentenceWords {
  /** Words that are separated by bars. */
  readonly lists: Readonly<Record<string, string>>
  /** Lists of which one in five names is kept for the evaluation. */
  readonly open: readonly string[]
  /** Lists of common nouns, of which one in ten is. */
  readonly nouns: readonly string[]
  /** Names of two parts; one pair in five is kept for the evaluation. */
  readonly pairs: Readonly<Record<string, readonly [string, string]>>
  readonly rules: Readonly<Record<string, readonly string[]>>
  /** What a symbol is an entity of: the narrowest type first. */
  readonly types: Readonly<Record<string, readonly string[]>>
  /** Names of each type, separated by bars: those of the training, parts of them put together anew, and others. */
  readonly labels: Readonly<Record<string, Readonly<Record<'seen' | 'recombined' | 'new', string>>>>
  readonly templates: Readonly<Record<'train' | 'test' | 'plain', readonly string[]>>
}

/** Whole numbers from 0 to before a limit. */
export type Draw = (limit: number) => number

/** An entity before it is labelled. */
export interface FoundEntity {
  start: number
  end: number
  readonly types: readonly string[]
}

interface WriterOptions {
  readonly words: SentenceWords
  readonly draw: Draw
  /** Whether names, and nouns, are those that are kept for the evaluation. */
  readonly heldOut: boolean
  readonly unseenNouns: boolean
}

export interface SentenceWriter {
  readonly text: string
  readonly found: readonly FoundEntity[]
  /** Writes plain text. */
  write(text: string): void
  /** Writes a template: `{symbol}` stands for a word or another template, `[one|other]` for one of its parts. */
  expand(template: string): void
}

export const pick = <Item>(draw: Draw, items: readonly Item[]): Item => items[draw(items.length)]!

/** Draws happen in a fixed order: one more or less changes every sentence behind it. */
export function createWriter({ words, draw, heldOut, unseenNouns }: WriterOptions): SentenceWriter {
  let text = ''
  const found: FoundEntity[] = []
  const listOf = (name: string): readonly string[] => words.lists[name]!.split('|')

  return {
    get text() {
      return text
    },
    found,
    write(more) {
      text += more
    },
    expand,
  }

  function expand(template: string): void {
    for (let at = 0; at < template.length; ) {
      if (template[at] === '{') {
        const end = template.indexOf('}', at)
        writeSymbol(template.slice(at + 1, end))
        at = end + 1
      } else if (template[at] === '[') {
        const { parts, end } = alternatives(template, at)
        expand(pick(draw, parts))
        at = end
      } else text += template[at++]
    }
  }

  function writeSymbol(name: string): void {
    const start = text.length
    const [, low, high] = /^n:(\d+):(\d+)$/.exec(name) ?? []
    if (low !== undefined) text += Number(low) + draw(Number(high) - Number(low) + 1)
    else if (/^d+$/.test(name)) for (const _ of name) text += draw(10)
    else if (name.startsWith('^')) {
      writeSymbol(name.slice(1))
      text = text.slice(0, start) + text.charAt(start).toUpperCase() + text.slice(start + 1)
    } else if (name.startsWith('~')) {
      writeSymbol(name.slice(1))
      const plain = text.slice(start).toLowerCase().replaceAll('ö', 'oe').replaceAll(' ', '')
      text = text.slice(0, start) + plain
    } else writeNamed(name)
  }

  function writeNamed(name: string): void {
    const start = text.length
    if (name in words.rules) expand(pick(draw, words.rules[name]!))
    else text += wordOf(name)
    if (!(name in words.types)) return
    const article = name !== 'date' && text.startsWith('the ', start) ? 'the '.length : 0
    found.push({ start: start + article, end: text.length, types: words.types[name]! })
  }

  function wordOf(name: string): string {
    if (name in words.pairs) return pairOf(words.pairs[name]!)
    const list = listOf(name)
    if (words.open.includes(name))
      return pick(
        draw,
        list.filter((_, index) => (index % 5 === 4) === heldOut),
      )
    if (words.nouns.includes(name))
      return pick(
        draw,
        list.filter((_, index) => (index % 10 === 9) === unseenNouns),
      )
    return pick(draw, list)
  }

  function pairOf([first, second]: readonly [string, string]): string {
    const [firsts, seconds] = [listOf(first), listOf(second)]
    for (;;) {
      const [i, j] = [draw(firsts.length), draw(seconds.length)]
      if (((7 * i + 13 * j) % 5 === 4) === heldOut) return firsts[i]! + seconds[j]!
    }
  }
}

/** The parts of the bracket at `at`, and the place behind it. */
function alternatives(
  template: string,
  at: number,
): { readonly parts: readonly string[]; readonly end: number } {
  const parts: string[] = []
  let [depth, start] = [0, at + 1]
  for (let place = at; ; place++) {
    const char = template[place]
    if (char === '[') depth += 1
    const isEnd = char === ']' && --depth === 0
    if (isEnd || (char === '|' && depth === 1)) {
      parts.push(template.slice(start, place))
      start = place + 1
    }
    if (isEnd) return { parts, end: place + 1 }
  }
}
