import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openSafetensors } from '@hfquant/safetensors'
import type { Contender } from './contenders.js'

/** What one token makes a library read from memory. */
export interface TokenBytes {
  /** Every weight once, but for the table of embeddings, of which a token takes a row. */
  readonly weights: number
  /** Keys and values of one token of the context. */
  readonly perContext: number
}

/** Undefined for a library whose files do not say it. */
export async function tokenBytes(
  { engine, path }: Pick<Contender, 'engine' | 'path'>,
  source: string,
): Promise<TokenBytes | undefined> {
  const config = JSON.parse(await readFile(join(source, 'config.json'), 'utf8')) as Record<string, number>
  const heads = config.num_key_value_heads ?? config.num_attention_heads!
  const headSize = config.head_dim ?? config.hidden_size! / config.num_attention_heads!
  const numbers = 2 * config.num_hidden_layers! * heads * headSize
  // float32 here, float16 there.
  if (engine === 'hfquant') return { weights: await savedWeights(path), perContext: 4 * numbers }
  if (engine === 'node-llama-cpp') return { weights: await ggufWeights(path), perContext: 2 * numbers }
  return undefined
}

/** Of what the memory gives, the share that decoding reads, for every context: "share 128". */
export function bandwidthShares(
  figures: Readonly<Record<string, number>>,
  bytes: TokenBytes | undefined,
  bandwidth: number,
): Readonly<Record<string, number>> {
  if (bytes === undefined) return {}
  const shares = Object.entries(figures).flatMap(([figure, tokensPerSecond]) => {
    const [, context] = /^decode (\d+)$/.exec(figure) ?? []
    if (context === undefined) return []
    const read = bytes.weights + Number(context) * bytes.perContext
    return [[`share ${context}`, (read * tokensPerSecond) / bandwidth] as const]
  })
  return Object.fromEntries(shares)
}

/** The head is stored in float and multiplied in 8 bits, with a float32 scale for 32 weights. */
async function savedWeights(folder: string): Promise<number> {
  await using file = await openSafetensors(join(folder, 'model.safetensors'))
  const head = file.tensors.get(HEAD) ?? file.tensors.get(TABLE)
  const layers = [...file.tensors].filter(([name]) => name !== HEAD && name !== TABLE)
  const headWeights = head === undefined ? 0 : head.shape.reduce((product, size) => product * size, 1)
  return layers.reduce((sum, [, { byteLength }]) => sum + byteLength, 0) + (headWeights * (32 + 4)) / 32
}

/** As Llama names them. */
const [TABLE, HEAD] = ['model.embed_tokens.weight', 'lm_head.weight']

async function ggufWeights(path: string): Promise<number> {
  const { readGgufFileInfo } = await import('node-llama-cpp')
  const { tensorInfo = [] } = await readGgufFileInfo(path)
  const isTied = tensorInfo.every(({ name }) => name !== 'output.weight')
  return tensorInfo.reduce((sum, { name, dimensions, ggmlType }) => {
    if (name === 'token_embd.weight' && !isTied) return sum
    const weights = dimensions.reduce<number>((product, size) => product * Number(size), 1)
    return sum + (weights * bitsOf(ggmlType)) / 8
  }, 0)
}

/** GGML_TYPE_F32, F16, Q4_0 and Q8_0: blocks of 32 weights and a float16 scale. */
const GGML_BITS: ReadonlyMap<number, number> = new Map([
  [0, 32],
  [1, 16],
  [2, 4.5],
  [8, 8.5],
])

function bitsOf(type: number): number {
  const bits = GGML_BITS.get(type)
  if (bits === undefined) throw new RangeError(`tensors of type ${type} are not written by hfquant`)
  return bits
}
