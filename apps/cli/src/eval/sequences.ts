import { AutoTokenizer, ConfigError, type Tokenizer } from 'hfquant'

/** Logits of one window take no more than this, whatever the context of the model. */
const MAX_LOGITS_BYTES = 256 * 2 ** 20

export interface ComparedModel {
  /** As the user named it. */
  readonly model: string
  readonly folder: string
  readonly inspection: { readonly vocabSize: number; readonly contextLength: number }
}

/**
 * The token ids of the texts, each ended by the end token if the tokenizer has one, cut to windows that every model
 * can read. All models get the same ids.
 *
 * @throws ConfigError VOCABULARY_MISMATCH, TOKENIZER_MISMATCH, TEXT_EMPTY; the tokenizer's errors.
 */
export async function makeSequences(
  models: readonly [ComparedModel, ...ComparedModel[]],
  texts: readonly string[],
): Promise<readonly (readonly number[])[]> {
  const [first, ...others] = models
  for (const other of others) checkVocabulary(first, other)
  const tokenizer = await AutoTokenizer.fromPretrained(first.folder)
  const sequences: number[][] = []
  for (const text of texts) sequences.push(await encodeWhole(tokenizer, text))
  for (const other of others) await checkTokenizer(first, other, texts, sequences)
  const context = Math.min(...models.map(({ inspection }) => inspection.contextLength))
  const affordable = Math.floor(MAX_LOGITS_BYTES / (4 * first.inspection.vocabSize))
  const windows = sequences.flatMap((ids) => [...cutWindows(ids, Math.max(2, Math.min(context, affordable)))])
  if (windows.length > 0) return windows
  throw new ConfigError('TEXT_EMPTY', 'the text has no sequence of two tokens or more', {
    field: 'text',
    hint: 'Give a longer text.',
  })
}

/** Windows that share one token, so that every token but the first of the sequence is predicted once. */
export function* cutWindows(ids: readonly number[], size: number): Generator<readonly number[]> {
  for (let start = 0; start < ids.length - 1; start += size - 1) yield ids.slice(start, start + size)
}

async function encodeWhole(tokenizer: Tokenizer, text: string): Promise<number[]> {
  const ids = await tokenizer.encodeAsync(text)
  const { eosTokenId } = tokenizer
  return eosTokenId === undefined || ids.at(-1) === eosTokenId ? ids : [...ids, eosTokenId]
}

function checkVocabulary(first: ComparedModel, other: ComparedModel): void {
  const [expected, found] = [first.inspection.vocabSize, other.inspection.vocabSize]
  if (expected === found) return
  throw new ConfigError(
    'VOCABULARY_MISMATCH',
    `${other.model} has a vocabulary of ${found}, ${first.model} has one of ${expected}`,
    { file: other.folder, field: 'vocab_size', found, expected, hint: HINT },
  )
}

/** Equal sizes may hide different tokens; all tokenizers must then make the same ids of the text. */
async function checkTokenizer(
  first: ComparedModel,
  other: ComparedModel,
  texts: readonly string[],
  sequences: readonly (readonly number[])[],
): Promise<void> {
  const tokenizer = await AutoTokenizer.fromPretrained(other.folder)
  let isSame = true
  for (let index = 0; isSame && index < texts.length; index++) {
    isSame = (await encodeWhole(tokenizer, texts[index]!)).join() === sequences[index]!.join()
  }
  if (isSame) return
  throw new ConfigError(
    'TOKENIZER_MISMATCH',
    `the tokenizers of ${other.model} and ${first.model} make different tokens of the text`,
    { file: other.folder, hint: HINT },
  )
}

const HINT = 'Only models with the same tokens can be compared; evaluate them one by one.'
