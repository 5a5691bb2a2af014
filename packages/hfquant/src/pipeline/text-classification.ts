import type { LabelScore, SequenceClassifier } from '@hfquant/transformers'
import { type CallOptions, checkTexts, checkTopK, knownOptions } from './call-options.js'
import type { Loaded } from './loaded.js'

export interface TextClassificationOptions extends CallOptions {
  /** How many of the best classes are given: 1 by default, null for all. */
  readonly top_k?: number | null | undefined
}

/** Two texts that are read as one, such as a query and a document: a reranker scores such pairs. */
export interface TextPairInput {
  readonly text: string
  readonly text_pair: string
}

export type ClassifiedInput = string | TextPairInput

/**
 * Classes of texts, the best first. With `top_k` other than 1 a list of texts gives a list for each. Texts that are too
 * long are cut.
 */
export interface TextClassification {
  (text: ClassifiedInput, options?: TextClassificationOptions): Promise<LabelScore[]>
  (
    texts: readonly ClassifiedInput[],
    options?: CallOptions & { readonly top_k?: 1 | undefined },
  ): Promise<LabelScore[]>
  (
    texts: readonly ClassifiedInput[],
    options: CallOptions & { readonly top_k: number | null },
  ): Promise<LabelScore[][]>
}

export function textClassification({ model, truncation }: Loaded<SequenceClassifier>): TextClassification {
  const classify = async (
    texts: ClassifiedInput | readonly ClassifiedInput[],
    options?: TextClassificationOptions,
  ): Promise<LabelScore[] | LabelScore[][]> => {
    checkTexts(texts, isInput)
    const { top_k = 1, signal } = knownOptions(options, ['top_k'])
    checkTopK(top_k)
    const inputs = [texts].flat() as ClassifiedInput[]
    const classified = await model.classify(inputs.map(asInput), { ...truncation, signal })
    const best = classified.map(({ scores }) => scores.slice(0, top_k ?? scores.length))
    if (top_k === 1) return best.flat()
    return Array.isArray(texts) ? best : best[0]!
  }
  return classify as TextClassification
}

const isInput = (value: unknown): boolean =>
  typeof value === 'string' ||
  (typeof (value as TextPairInput | null)?.text === 'string' &&
    typeof (value as TextPairInput).text_pair === 'string')

const asInput = (input: ClassifiedInput) =>
  typeof input === 'string' ? input : { text: input.text, textPair: input.text_pair }
