import { parseArgs } from 'node:util'
import { BITS_USAGE } from './bits/command.js'
import { COMPARE_USAGE } from './compare/command.js'
import { DRILLS_USAGE } from './drills/command.js'
import { ENCODERS_USAGE } from './encoders/command.js'
import { FAMILIES_USAGE } from './families/command.js'
import { GLINER_USAGE } from './gliner/command.js'
import { makeCheckpoint, SHAPES } from './make-checkpoint.js'
import { wholeNumber } from './measure/arguments.js'
import { runMain } from './measure/run-child.js'
import { median } from './measure/samples.js'
import { type DecodeFigures, measureDecode } from './measure-decode.js'
import { measureGptqLayer } from './measure-gptq-layer.js'
import { measureQuantize, type QuantizeFigures } from './measure-quantize.js'
import { TEMPLATES_USAGE } from './python-judge/command.js'
import { TOKENIZERS_USAGE } from './python-judge/tokenizers.js'
import { SERVE_USAGE } from './serve/command.js'
import { SOAK_USAGE } from './soak/command.js'
import { SPECULATION_USAGE } from './speculation/command.js'

const USAGE = `usage:
  pnpm bench make-checkpoint FOLDER [--shape billion] [--layers 22] [--vocabulary 32000] [--positions 2048]
                                                      random bfloat16 weights: 1.1 billion parameters; of a mixture of
                                                      64 experts, 3.2 billion, 0.6 of them active; or of a dense model
                                                      with as many (--shape mixture, --shape active); encoders
                                                      (--shape bert-base, --shape minilm)
  pnpm bench quantize FOLDER [--recipe NAME] [--runs 3] [--digests]
                                                      seconds, MB of source per second, peak memory
  pnpm bench gptq-layer FOLDER [--layers 1] [--samples 128] [--sequence-length 512]
                                                      makes FOLDER unless it is there, calibrates a model of so many
                                                      layers: seconds and peak memory by module
  pnpm bench decode FOLDER... [--tokens 64] [--threads 2] [--runs 3] [--low]
                                                      tokens per second against the first folder, in turns; how late
                                                      a 10 ms timer fires; --low adds runs with memory: 'low'

  --digests  also runs 1 and 4 workers and small budgets, and compares every byte that was written
  --json     figures as JSON

${SPECULATION_USAGE}

${ENCODERS_USAGE}

${SERVE_USAGE}

${GLINER_USAGE}

${SOAK_USAGE}

${DRILLS_USAGE}

${COMPARE_USAGE}

${TEMPLATES_USAGE}
${TOKENIZERS_USAGE}

${FAMILIES_USAGE}
${BITS_USAGE}`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    layers: { type: 'string' },
    shape: { type: 'string', default: 'billion' },
    vocabulary: { type: 'string' },
    positions: { type: 'string' },
    recipe: { type: 'string', default: 'int8-weight-only' },
    runs: { type: 'string', default: '3' },
    tokens: { type: 'string', default: '64' },
    threads: { type: 'string' },
    samples: { type: 'string', default: '128' },
    'sequence-length': { type: 'string', default: '512' },
    workers: { type: 'string' },
    budget: { type: 'string' },
    low: { type: 'boolean', default: false },
    digests: { type: 'boolean', default: false },
    digest: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

const [command, folder] = positionals

const optional = (option: 'layers' | 'vocabulary' | 'positions' | 'threads' | 'workers' | 'budget') => {
  const text = values[option]
  return text === undefined ? undefined : wholeNumber(option, text)
}
const required = (option: 'runs' | 'tokens' | 'samples' | 'sequence-length') =>
  wholeNumber(option, values[option])

/** Runs the command that the arguments of the process name. */
export async function runMeasurement(): Promise<void> {
  if (values.help || command === undefined || folder === undefined) {
    console.log(USAGE)
    process.exitCode = values.help ? 0 : 2
  } else if (command === 'make-checkpoint') {
    const shape = SHAPES[values.shape]
    if (shape === undefined)
      throw new TypeError(`--shape is "${values.shape}", expected one of ${Object.keys(SHAPES).join(', ')}`)
    await makeCheckpoint(folder, {
      ...shape,
      layers: optional('layers') ?? shape.layers,
      vocabulary: optional('vocabulary') ?? shape.vocabulary,
      positions: optional('positions') ?? shape.positions,
    })
  } else if (command === 'quantize') {
    await quantize(folder)
  } else if (command === 'quantize-once') {
    const run = {
      recipe: values.recipe,
      workers: optional('workers'),
      maxInFlightBytes: optional('budget'),
    }
    console.log(JSON.stringify(await measureQuantize(folder, { ...run, digest: values.digest })))
  } else if (command === 'decode') {
    await decode(positionals.slice(1))
  } else if (command === 'decode-once') {
    const options = {
      tokens: required('tokens'),
      threads: optional('threads'),
      memory: values.low ? 'low' : 'auto',
    } as const
    console.log(JSON.stringify(await measureDecode(folder, options)))
  } else if (command === 'gptq-layer') {
    const { modules, ...total } = await measureGptqLayer(folder, {
      recipe: values.recipe.startsWith('gptq') ? values.recipe : 'gptq-int4',
      layers: optional('layers') ?? 1,
      samples: required('samples'),
      sequenceLength: required('sequence-length'),
    })
    show(modules)
    show([total])
  } else {
    console.error(`unknown command "${command}"\n${USAGE}`)
    process.exitCode = 2
  }
}

/** Every run in a process of its own: memory that an earlier one left behind would count for the next. */
async function quantize(source: string): Promise<void> {
  const plain = Array.from({ length: required('runs') }, () => [] as string[])
  const varied = [
    ['--workers', '1'],
    ['--workers', '4'],
    ['--budget', '65536'],
    ['--budget', String(2 ** 30)],
  ]
  const figures: QuantizeFigures[] = []
  for (const extra of values.digests ? [...plain, ...varied] : plain) {
    const digest = values.digests ? ['--digest'] : []
    const args = ['quantize-once', source, '--recipe', values.recipe, ...digest, ...extra]
    figures.push(JSON.parse(await runMain(args)) as QuantizeFigures)
  }
  show(figures)
  const digests = new Set(figures.map(({ digest }) => digest))
  if (values.digests) console.log(digests.size === 1 ? 'every run wrote the same bytes' : 'THE BYTES DIFFER')
  if (digests.size > 1) process.exitCode = 1
}

/** Models in turns, each run in a process of its own, so that a slow minute of the machine hits all of them. */
async function decode(folders: readonly string[]): Promise<void> {
  const variants = folders.flatMap((path) => [[path], ...(values.low ? [[path, '--low']] : [])])
  const runs = variants.map(() => [] as DecodeFigures[])
  const flags = [
    '--tokens',
    values.tokens,
    ...(values.threads === undefined ? [] : ['--threads', values.threads]),
  ]
  for (let run = 0; run < required('runs'); run++) {
    for (const [index, variant] of variants.entries()) {
      const stdout = await runMain(['decode-once', ...variant, ...flags])
      runs[index]!.push(JSON.parse(stdout) as DecodeFigures)
    }
  }
  const medianOf = (index: number, pick: (figures: DecodeFigures) => number) => median(runs[index]!.map(pick))
  const speed = (figures: DecodeFigures) => figures.tokensPerSecond
  show(
    variants.map((variant, index) => ({
      model: variant.join(' '),
      tokensPerSecond: medianOf(index, speed),
      slowest: Math.min(...runs[index]!.map(speed)),
      fastest: Math.max(...runs[index]!.map(speed)),
      againstFirst: medianOf(index, speed) / medianOf(0, speed),
      firstTokenSeconds: medianOf(index, ({ firstTokenSeconds }) => firstTokenSeconds),
      timerLate: Math.max(...runs[index]!.map(({ timerLateWhileDecoding }) => timerLateWhileDecoding)),
      peakRssMebibytes: medianOf(index, ({ peakRssMebibytes }) => peakRssMebibytes),
    })),
  )
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
