import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { exportModel, quantizeModel, recipe } from 'hfquant'
import type { EngineName } from './engines/engine.js'

/** A library with a model of the weights that all contenders share. */
export interface Contender {
  /** "hfquant int4-weight-only" */
  readonly name: string
  readonly engine: EngineName
  readonly bits: 4 | 8
  /** File or folder of the model. */
  readonly path: string
}

/** Recipes of hfquant to compare, by their bits; peers take part with the bits that have one. */
export interface Recipes {
  readonly four: readonly string[]
  readonly eight: readonly string[]
}

interface Preparation extends Contender {
  readonly make: (source: string, out: string) => Promise<unknown>
}

/**
 * Every contender of the engines that were asked for, each made from the same float checkpoint unless it lies in the
 * work folder already.
 */
export async function prepareContenders(
  source: string,
  work: string,
  { engines, recipes }: { readonly engines: readonly EngineName[]; readonly recipes: Recipes },
  report: (line: string) => void,
): Promise<readonly Contender[]> {
  const isWanted = ({ engine, bits }: Contender) =>
    engines.includes(engine) && recipes[bits === 4 ? 'four' : 'eight'].length > 0
  const wanted = [...ours(work, recipes), ...llamaCpp(work), ...transformersJs(work)].filter(isWanted)
  await mkdir(work, { recursive: true })
  for (const { name, path, make } of wanted) {
    if (existsSync(path)) continue
    report(`writing ${path} for ${name}`)
    await make(source, path)
  }
  return wanted.map(({ name, engine, bits, path }) => ({ name, engine, bits, path }))
}

const ours = (work: string, { four, eight }: Recipes): Preparation[] =>
  [...four.map((name) => [name, 4] as const), ...eight.map((name) => [name, 8] as const)].map(
    ([name, bits]) => ({
      name: `hfquant ${name}`,
      engine: 'hfquant',
      bits,
      path: join(work, name),
      make: async (source, out) => quantizeModel(source, out, { quantizationConfig: await recipe(name) }),
    }),
  )

const llamaCpp = (work: string): Preparation[] =>
  ([4, 8] as const).map((bits) => {
    const type = bits === 4 ? 'Q4_0' : 'Q8_0'
    return {
      name: `node-llama-cpp ${type}`,
      engine: 'node-llama-cpp',
      bits,
      path: join(work, `${type}.gguf`),
      make: (source, out) => exportModel(source, out, { format: 'gguf', type, name: 'benchmark' }),
    }
  })

const transformersJs = (work: string): Preparation[] =>
  ([4, 8] as const).map((bits) => {
    const type = bits === 4 ? 'q4' : 'q8'
    return {
      name: `transformers.js ${type}`,
      engine: 'transformers.js',
      bits,
      path: join(work, `onnx-${type}`),
      make: (source, out) => exportModel(source, out, { format: 'onnx', type }),
    }
  })
