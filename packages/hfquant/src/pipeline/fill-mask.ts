import { ConfigError } from '@hfquant/core'
import type { MaskedLM, Tokenizer } from '@hfquant/transformers'
import { type CallOptions, checkTexts, checkTopK, knownOptions } from './call-options.js'
import type { Loaded } from './loaded.js'

export interface FillMaskOptions extends CallOptions {
  /** How many of the likeliest tokens are given; default 5, null for all. */
  readonly top_k?: number | null | undefined
}

export interface FillMaskSingle {
  /** Probability. */
  readonly score: number
  readonly token: number
  readonly token_str: string
  /** The text with the token in the place of the mask. */
  readonly sequence: string
}

/** The likeliest tokens in the place of the first mask of a text. Texts that are too long are cut. */
export interface FillMask {
  (text: string, options?: FillMaskOptions): Promise<FillMaskSingle[]>
  (texts: readonly string[], options?: FillMaskOptions): Promise<FillMaskSingle[][]>
}

/** @throws ConfigError MASK_MISSING for a tokenizer, or a text, without a mask. */
export function fillMask({ model, tokenizer, truncation }: Loaded<MaskedLM>): FillMask {
  const fill = async (texts: string | readonly string[], options?: FillMaskOptions) => {
    checkTexts(texts)
    const { top_k = 5, signal } = knownOptions(options, ['top_k'])
    checkTopK(top_k)
    const truncateTo = Math.min(truncation.maxLength ?? model.maxLength, model.maxLength)
    const filled: FillMaskSingle[][] = []
    // One after the other: the logits of a text are its tokens times the vocabulary.
    for (const text of [texts].flat() as string[]) {
      const ids = await tokenizer.encodeAsync(text, { truncateTo, signal })
      const place = maskIn(ids, tokenizer, text)
      const [{ logits, shape } = { logits: new Float32Array(), shape: [0, 0] }] = await model.predict(
        [{ inputIds: ids }],
        { signal },
      )
      const own = logits.subarray(place * shape[1]!, (place + 1) * shape[1]!)
      filled.push(
        likeliest(own, top_k).map(({ token, score }) => ({
          ...{ score, token, token_str: tokenizer.decode([token], { skipSpecialTokens: false }) },
          sequence: tokenizer.decode(ids.with(place, token)),
        })),
      )
    }
    return Array.isArray(texts) ? filled : filled[0]!
  }
  return fill as FillMask
}

function maskIn(ids: readonly number[], { maskTokenId, idToToken }: Tokenizer, text: string): number {
  const place = maskTokenId === undefined ? -1 : ids.indexOf(maskTokenId)
  if (place >= 0) return place
  const mask = maskTokenId === undefined ? undefined : idToToken(maskTokenId)
  const message =
    mask === undefined
      ? 'the tokenizer has no mask token'
      : `the text has no ${mask} among the ${ids.length} tokens that are read`
  throw new ConfigError('MASK_MISSING', message, {
    field: 'texts',
    found: text,
    expected: mask,
    hint:
      mask === undefined
        ? 'Take the tokenizer files of the model: tokenizer_config.json names mask_token.'
        : `Write ${mask} where a token is to be guessed.`,
  })
}

/** Of equal ones the token with the smaller id comes first. */
function likeliest(
  logits: Float32Array,
  count: number | null,
): readonly { readonly token: number; readonly score: number }[] {
  const most = logits.reduce((largest, value) => Math.max(largest, value), Number.NEGATIVE_INFINITY)
  const sum = logits.reduce((total, value) => total + Math.exp(value - most), 0)
  const order = Uint32Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]! || a - b)
  return Array.from(order.subarray(0, count ?? order.length), (token) => ({
    token,
    score: Math.exp(logits[token]! - most) / sum,
  }))
}
