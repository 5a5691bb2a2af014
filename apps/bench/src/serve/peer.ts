import { createServer } from '@hfquant/server'
import { type LlamaSlot, openLlamaSlots } from '../compare/engines/node-llama-cpp.js'

type Load = NonNullable<NonNullable<Parameters<typeof createServer>[1]>['load']>
type Decoder = Extract<Awaited<ReturnType<Load>>, { readonly kind: 'decoder' }>

export interface PeerRequest {
  readonly file: string
  /** What the file was exported from: a server has no model without a folder. */
  readonly folder: string
  readonly threads: number
  readonly contextSize: number
  readonly sequences: number
}

/**
 * Serves a GGUF file with node-llama-cpp behind the server of hfquant: HTTP, frames and queue are the same, so that the
 * engine alone differs. Prompts are token ids.
 */
export async function servePeer({
  file,
  folder,
  threads,
  contextSize,
  sequences,
}: PeerRequest): Promise<void> {
  const llama = await openLlamaSlots({ path: file, threads, contextSize, sequences })
  const free = [...llama.slots]
  const server = await createServer(
    { models: { bench: { path: folder } }, auth: false, maxSequences: sequences, logLevel: 'error' },
    { load: async () => decoder(free, contextSize, llama) },
  )
  process.once('SIGTERM', async () => {
    await server.close()
    process.exit(0)
  })
  const { url } = await server.listen({ port: 0 })
  await server.loaded()
  console.log(JSON.stringify({ url }, null, 2))
}

/** What the server asks of a model when prompts are token ids and answers any text. */
function decoder(
  free: LlamaSlot[],
  contextLength: number,
  { textOf, close }: Pick<Awaited<ReturnType<typeof openLlamaSlots>>, 'textOf' | 'close'>,
): Decoder {
  const noText = async (): Promise<never> => {
    throw new TypeError('the peer is asked with token ids only')
  }
  const generate: Decoder['generator']['generate'] = async function* (prompt, options = {}) {
    const { inputIds } = prompt as { readonly inputIds: readonly number[] }
    const { maxNewTokens = 16, signal } = options
    options.onAdmitted?.({ cachedTokens: 0 })
    const slot = free.pop()!
    try {
      let completionTokens = 0
      for await (const tokenId of slot.generate(inputIds, maxNewTokens)) {
        signal?.throwIfAborted()
        completionTokens++
        const usage = { promptTokens: inputIds.length, cachedTokens: 0, completionTokens }
        const end = completionTokens === maxNewTokens ? ({ finish: 'length', usage } as const) : {}
        yield { text: textOf(tokenId), tokenId, ...end }
      }
    } finally {
      free.push(slot)
    }
  }
  return {
    ...{
      kind: 'decoder',
      contextLength,
      quantization: null,
      bytes: 0,
      parameters: null,
      dtype: '',
      fingerprint: 'peer',
      warnings: [],
    },
    generator: { generate, contextLength, counters: NO_COUNTERS, score: noText, dispose: close },
    texts: { run: noText, runUnqueued: noText, close: async () => {} },
    tokenBytes: () => new Uint8Array(),
    defaults: { eosTokenIds: [] },
    chatTemplate: undefined,
    format: {
      ...{ tools: undefined, namesFirst: false, reasoning: undefined },
      tokenIds: () => [],
      specialTokenId: () => undefined,
    },
    compileGrammar: noText,
    dispose: close,
  }
}

const NO_COUNTERS: Decoder['generator']['counters'] = {
  ...{ running: 0, waiting: 0, promptTokens: 0, cachedTokens: 0, generatedTokens: 0 },
  ...{ runs: 0, runSeconds: 0, preemptions: 0 },
  cacheBytes: { active: 0, kept: 0, total: 0, budget: undefined },
}
