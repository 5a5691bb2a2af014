import type { EncoderSession, TensorRecord, TextTokens } from '@hfquant/onnx'

/** Rows that are multiplied at once: with more, what layers hand on to each other no longer stays in the caches of the processor. */
const ROWS = 512
/** Scores of one head: every token with every other one of its text, padded to the longest. */
const SCORES = 2 ** 20

/** What a run gives of one text. */
export type TextOutput = Readonly<Record<string, Float32Array>>

export interface RunTexts {
  /** Outputs with a row for each token, by their name. */
  readonly ofTokens: readonly string[]
  /** Outputs with a row for each text. */
  readonly ofTexts: readonly string[]
  readonly signal?: AbortSignal | undefined
}

/**
 * What `read` makes of the outputs of texts, in their order. Texts of like lengths are computed together, so that the longest
 * of them costs the others little; each has the same bits whatever it stands beside, unless the method looks at all rows of a
 * run.
 *
 * @param read is shown views of memory that the next run may use.
 * @throws the reason of `signal`, between two runs.
 */
export async function runTexts<Result>(
  session: EncoderSession,
  texts: readonly TextTokens[],
  { ofTokens, ofTexts, signal }: RunTexts,
  read: (output: TextOutput, index: number) => Result,
): Promise<readonly Result[]> {
  const results: Result[] = new Array(texts.length)
  for (const batch of textBatches(texts)) {
    signal?.throwIfAborted()
    const own = batch.map((index) => texts[index]!)
    const tensors = await session.run(own, [...ofTokens, ...ofTexts])
    let row = 0
    for (const [place, index] of batch.entries()) {
      const count = own[place]!.ids.length
      const output = Object.fromEntries([
        ...ofTokens.map((name) => [name, rowsOf(tensors, name, row, count)] as const),
        ...ofTexts.map((name) => [name, rowsOf(tensors, name, place, 1)] as const),
      ])
      results[index] = read(output, index)
      row += count
    }
    session.reuse(Object.fromEntries(ofTokens.map((name) => [name, tensors[name]!])))
  }
  return results
}

function rowsOf(tensors: TensorRecord, name: string, first: number, count: number): Float32Array {
  const { data, shape } = tensors[name]!
  const width = shape.at(-1)!
  return (data as Float32Array).subarray(first * width, (first + count) * width)
}

/** Indices of the texts of each run, the longest texts first. */
export function textBatches(texts: readonly TextTokens[]): readonly (readonly number[])[] {
  const order = [...texts.keys()].sort((a, b) => texts[b]!.ids.length - texts[a]!.ids.length)
  const batches: number[][] = []
  let rows = 0
  for (const index of order) {
    const count = texts[index]!.ids.length
    const open = batches.at(-1)
    const longest = open === undefined ? 0 : texts[open[0]!]!.ids.length
    const fits = open !== undefined && rows + count <= ROWS && (open.length + 1) * longest ** 2 <= SCORES
    rows = fits ? rows + count : count
    if (fits) open.push(index)
    else batches.push([index])
  }
  return batches
}
