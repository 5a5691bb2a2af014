import { readFile, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { AutoModelForCausalLM, recipe } from 'hfquant'
import { listed } from '../measure/arguments.js'
import { lookAtBits, type RecipeBits, relativeDifference } from './look-at-bits.js'

export const BITS_USAGE = `  pnpm bench bits FOLDER [--recipes rtn-int4,…] [--json FILE] [--against FILE]
                                                      whether a sequence has the same bits alone and beside others on
                                                      this processor, or in an emulator of another one, and whether
                                                      another processor, which wrote FILE, chose the same tokens`

const OPTIONS = {
  recipes: {
    type: 'string',
    default: 'none,rtn-int4,nf4,int8-weight-only,int8-dynamic-act-int8-weight,int8-dynamic-act-int4-weight',
  },
  json: { type: 'string' },
  against: { type: 'string' },
} as const

/** Prints a row for each recipe. */
export async function compareBits(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true })
  const [folder] = positionals
  if (folder === undefined) throw new TypeError(`which folder?\n${BITS_USAGE}`)
  const other = values.against === undefined ? undefined : await readBits(values.against)
  const found: RecipeBits[] = []
  console.log(`${cpus()[0]?.model ?? 'unknown processor'}, ${process.arch}`)
  for (const name of listed(values.recipes)) {
    const quantizationConfig = name === 'none' ? undefined : await recipe(name)
    await using model = await AutoModelForCausalLM.fromPretrained(folder, {
      quantizationConfig,
      cache: false,
    })
    const bits = { recipe: name, ...(await lookAtBits(model)) }
    found.push(bits)
    console.log(
      `${name}: ${describe(
        bits,
        other?.find((row) => row.recipe === name),
      )}`,
    )
  }
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(found)}\n`)
}

const readBits = async (path: string) => JSON.parse(await readFile(path, 'utf8')) as RecipeBits[]

function describe(bits: RecipeBits, other: RecipeBits | undefined): string {
  const beside =
    bits.beside === 0 ? 'the same bits beside others' : `beside others ${bits.beside.toPrecision(2)}`
  if (other === undefined) return beside
  const differs = relativeDifference(bits.logits, other.logits)
  const tokens = bits.tokens.join() === other.tokens.join() ? 'the same tokens' : 'OTHER TOKENS'
  return `${beside}; ${tokens} as there, logits differ by ${differs.toPrecision(2)}`
}
