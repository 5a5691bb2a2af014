import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { BILLION, makeCheckpoint } from './make-checkpoint.js'
import { measureDecode } from './measure-decode.js'
import { measureQuantize, type QuantizeFigures } from './measure-quantize.js'

const USAGE = `usage:
  pnpm bench make-checkpoint FOLDER [--layers 22]     random bfloat16 weights, 1.1 billion parameters
  pnpm bench quantize FOLDER [--recipe NAME] [--runs 3] [--digests]
                                                      seconds, MB of source per second, peak memory
  pnpm bench decode FOLDER [--tokens 64] [--threads 2] tokens per second, and how late a 10 ms timer fires

  --digests  also runs 1 and 4 workers and small budgets, and compares every byte that was written
  --json     figures as JSON`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    layers: { type: 'string', default: String(BILLION.layers) },
    recipe: { type: 'string', default: 'int8-weight-only' },
    runs: { type: 'string', default: '3' },
    tokens: { type: 'string', default: '64' },
    threads: { type: 'string' },
    workers: { type: 'string' },
    budget: { type: 'string' },
    digests: { type: 'boolean', default: false },
    digest: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

const [command, folder] = positionals
const optional = (text: string | undefined) => (text === undefined ? undefined : Number(text))

if (values.help || command === undefined || folder === undefined) {
  console.log(USAGE)
  process.exitCode = values.help ? 0 : 2
} else if (command === 'make-checkpoint') {
  await makeCheckpoint(folder, { ...BILLION, layers: Number(values.layers) })
} else if (command === 'quantize') {
  await quantize(folder)
} else if (command === 'quantize-once') {
  const run = {
    recipe: values.recipe,
    workers: optional(values.workers),
    maxInFlightBytes: optional(values.budget),
  }
  console.log(JSON.stringify(await measureQuantize(folder, { ...run, digest: values.digest })))
} else if (command === 'decode') {
  show([await measureDecode(folder, { tokens: Number(values.tokens), threads: optional(values.threads) })])
} else {
  console.error(`unknown command "${command}"\n${USAGE}`)
  process.exitCode = 2
}

/** Every run in a process of its own: memory that an earlier one left behind would count for the next. */
async function quantize(source: string): Promise<void> {
  const plain = Array.from({ length: Number(values.runs) }, () => [] as string[])
  const varied = [
    ['--workers', '1'],
    ['--workers', '4'],
    ['--budget', '65536'],
    ['--budget', String(2 ** 30)],
  ]
  const figures: QuantizeFigures[] = []
  for (const extra of values.digests ? [...plain, ...varied] : plain) {
    const digest = values.digests ? ['--digest'] : []
    const args = [
      fileURLToPath(import.meta.url),
      'quantize-once',
      source,
      '--recipe',
      values.recipe,
      ...digest,
      ...extra,
    ]
    const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 24 })
    figures.push(JSON.parse(stdout) as QuantizeFigures)
  }
  show(figures)
  const digests = new Set(figures.map(({ digest }) => digest))
  if (values.digests) console.log(digests.size === 1 ? 'every run wrote the same bytes' : 'THE BYTES DIFFER')
  if (digests.size > 1) process.exitCode = 1
}

function show(figures: readonly object[]): void {
  if (values.json) console.log(JSON.stringify(figures))
  else
    console.table(
      figures.map((row) =>
        Object.fromEntries(Object.entries(row).map(([key, value]) => [key, short(value)])),
      ),
    )
}

function short(value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(4)) : value
}
