interface BytePairTokenizer {
  readonly added_tokens: readonly object[]
  readonly model: { readonly merges: readonly (string | readonly string[])[] }
}

/**
 * A tokenizer with the merges of a byte-level one that consist of printable ASCII, in the style of SentencePiece: "▁" for
 * spaces, and a token for every byte that no character stands for.
 */
export function toSentencePiece(tokenizer: object): object {
  const { added_tokens, model } = tokenizer as BytePairTokenizer
  const pairs = model.merges
    .map((merge) => (typeof merge === 'string' ? merge.split(' ') : merge))
    .filter((pair) => pair.every((part) => /^[Ġ!-~]+$/.test(part)))
    .map((pair) => pair.map((part) => part.replaceAll('Ġ', '▁')))
  const bytes = Array.from(
    { length: 256 },
    (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
  )
  const characters = ['▁', ...Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index))]
  const known = new Set(['<s>', '</s>', '<unk>', ...bytes, ...characters])
  const merges: (readonly string[])[] = []
  for (const pair of pairs) {
    // A merge of parts that were left out can never happen, and a vocabulary has room for so many tokens.
    if (known.size === MODEL_TOKENS || !pair.every((part) => known.has(part))) continue
    known.add(pair.join(''))
    merges.push(pair)
  }
  return {
    added_tokens: [...added_tokens, { id: 2, content: '<unk>', special: true }],
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Prepend', prepend: '▁' },
        { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      ],
    },
    decoder: { type: 'ByteFallback' },
    model: {
      type: 'BPE',
      byte_fallback: true,
      unk_token: '<unk>',
      vocab: Object.fromEntries([...known].map((token, id) => [token, id])),
      merges,
    },
  }
}

const MODEL_TOKENS = 1024
