/** A library that makes a vector of each text: the mean of its hidden states. */
export interface Embedder {
  /** @param texts their token ids, special ones included. */
  embed(texts: readonly (readonly number[])[]): Promise<unknown>
  close(): Promise<unknown>
}

export interface EmbedderOptions {
  readonly folder: string
  readonly threads: number
}

export type EmbedderName = 'hfquant' | 'transformers.js'

/** Imports a library, and nothing of the other, and loads a model. */
export const openEmbedder = (name: EmbedderName, options: EmbedderOptions): Promise<Embedder> =>
  ({ hfquant: openHfquant, 'transformers.js': openTransformersJs })[name](options)

async function openHfquant({ folder, threads }: EmbedderOptions): Promise<Embedder> {
  const { AutoModel, compileModel } = await import('hfquant')
  // A first start answers before it has compiled, and another process does that meanwhile.
  await compileModel(folder)
  const model = await AutoModel.fromPretrained(folder, { threads })
  return {
    embed: (texts) => model.embed(texts.map((inputIds) => ({ inputIds }))),
    close: () => model.dispose(),
  }
}

async function openTransformersJs({ folder, threads }: EmbedderOptions): Promise<Embedder> {
  const { AutoModel, env, mean_pooling: meanPooling, Tensor } = await import('@huggingface/transformers')
  env.allowRemoteModels = false
  const model = await AutoModel.from_pretrained(folder, { session_options: { intraOpNumThreads: threads } })
  return {
    async embed(texts) {
      const longest = Math.max(...texts.map(({ length }) => length))
      const padded = (rows: readonly (readonly number[])[]) =>
        new Tensor(
          'int64',
          BigInt64Array.from(
            rows.flatMap((row) => [...row, ...new Array(longest - row.length).fill(0)]),
            BigInt,
          ),
          [rows.length, longest],
        )
      const mask = padded(texts.map((ids) => ids.map(() => 1)))
      const output = await model({ input_ids: padded(texts), attention_mask: mask })
      return meanPooling(output.last_hidden_state, mask)
    },
    close: () => model.dispose(),
  }
}
