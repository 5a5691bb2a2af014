/** Texts on which tokenizers part: scripts, marks, emoji, control characters, white space, code, special tokens. */
const awkward: readonly string[] = [
  '',
  'Hello world',
  ' two  spaces   three ',
  "I can't, we'll, they've, she's I'M IT'S don’t",
  'naïve café re\u0301sume\u0301 Ångström ﬁ ﬀ ① ㈱ ﷺ ½ ²',
  '世界你好，今天天气很好。こんにちは、カタカナ。ｱｲｳ 안녕하세요',
  'مرحبا بالعالم שלום עולם हिन्दी क्षत्रिय ภาษาไทย กำ',
  'Привет, Ёлка! ΟΔΥΣΣΕΥΣ Σ Việt Nam İstanbul ıI ß ẞ',
  '👨‍👩‍👧‍👦 👍🏽 🇩🇪🇫🇷 ❤️ 𝔘𝔫𝔦 𐍈𐌰 𓀀',
  '\0\x01\x07\x1B[0m\x7F\x85\xA0\u200B\u2028\uFEFFx\uE000\u0378',
  '\ta\n\n b\r\nc\r d   \n   e  \n',
  'def f(x):\n    return x ** 2  # comment\n\n\tif True:\n\t\tpass',
  '1234567890 3.14159 1,000,000 0xFF ١٢٣ ⅠⅡⅢ',
  '<s>hi</s> <unk> <pad> [CLS] [MASK] [SEP] <|endoftext|> <|im_start|>user <0x41>',
  '▁▁▁ ▁a b▁c Ġa Ċ',
  'camelCase XMLHttpRequest snake_case {"a": [1, {"b": null}]} $^+=~`|<>',
  'https://example.com/a?b=c&d=%20#x',
  'a'.repeat(300),
  ' '.repeat(70),
  '日本語'.repeat(100),
]

/** Awkward texts, and others made of their characters in any order; always the same ones. */
export function judgedTexts(count: number): readonly string[] {
  const characters = awkward.flatMap((text) => Array.from(text.slice(0, 60)))
  let state = 1
  const next = (limit: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return (state >>> 8) % limit
  }
  const mixed = Array.from({ length: count }, () =>
    Array.from({ length: 1 + next(40) }, () => characters[next(characters.length)]).join(''),
  )
  return [...awkward, ...mixed]
}

/** A megabyte of prose-like English: words of ordinary lengths and frequencies, sentences, paragraphs. */
export function proseOfAMegabyte(): string {
  const syllables =
    'the of and to in er ing ed on re con ter at en ly tion al st un for with ment ple ver'.split(' ')
  let state = 7
  const next = (limit: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return (state >>> 8) % limit
  }
  const parts: string[] = []
  for (let length = 0; length < 1_000_000; ) {
    const word = Array.from({ length: 1 + next(3) }, () => syllables[next(syllables.length)]).join('')
    const end = next(12) === 0 ? (next(5) === 0 ? '.\n\n' : '. ') : ' '
    parts.push(word, end)
    length += word.length + end.length
  }
  return parts.join('')
}
