import { realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import type { Command } from 'commander'
import { ConfigError, inspectModel, quantizeModel, type RecipeOptions, recipe, resolveModel } from 'hfquant'
import { demoModel, storyList } from 'hfquant/demo'
import { type CommandSetup, type CommonOptions, MODEL, withCommonOptions } from '../command-setup.js'
import { byteSize, wholeNumber } from '../option-values.js'
import { UsageError } from '../output/failure.js'
import { peakRssBytes } from '../output/peak-memory.js'
import { printJson, printLines } from '../output/print.js'
import { formatQuantization, type Quantization } from '../output/quantization-summary.js'
import { showDownload } from '../output/show-download.js'

interface QuantizeOptions extends CommonOptions {
  readonly recipe: string
  readonly dryRun?: true
  readonly workers?: number
  readonly maxInFlight?: number
  readonly maxShardSize?: number
  readonly dtype?: string
  readonly calibration?: string
  readonly samples?: number
  readonly sequenceLength?: number
}

export function addQuantize(program: Command, setup: CommandSetup): void {
  const command = program
    .command('quantize')
    .description('Quantize a float model into a new folder, which appears complete or not at all.')
    .argument('<model>', MODEL)
    .argument('<out>', 'the folder to write; an older model in it is replaced')
    .requiredOption('--recipe <name>', `how to quantize: ${setup.recipes.join(', ')}`)
    .option('--calibration <file>', 'text or .jsonl file, for recipes that calibrate (gptq-*)')
    .option('--samples <n>', 'calibration sequences at most (default: 128)', wholeNumber(1))
    .option('--sequence-length <n>', 'tokens of a calibration sequence (default: 2048)', wholeNumber(2))
    .option('--dry-run', 'check everything that headers tell, say what would be done, write nothing')
    .option('--workers <n>', 'threads that quantize (default: one per core, at most 8)', wholeNumber(1))
    .option('--max-in-flight <bytes>', 'float bytes on their way at once (default: 256MiB)', byteSize)
    .option('--max-shard-size <bytes>', 'most bytes of one file (default: 50GB)', byteSize)
    .option('--dtype <name>', 'precision of what stays in float (default: that of the model)')
  const [name = 'int8-weight-only'] = setup.recipes
  withCommonOptions(command, [
    `hfquant quantize ./TinyLlama-1.1B ./TinyLlama-1.1B-quantized --recipe ${name}`,
    `hfquant quantize TinyLlama/TinyLlama-1.1B-Chat-v1.0 ./out --recipe ${name} --dry-run`,
    `hfquant quantize ./model ./out --recipe ${name} --workers 2 --max-in-flight 64MiB --max-shard-size 5GB`,
  ]).action((model: string, out: string, options: QuantizeOptions) => quantize(model, out, options, setup))
}

async function quantize(
  model: string,
  out: string,
  options: QuantizeOptions,
  { terminal, signal }: CommandSetup,
): Promise<void> {
  const start = performance.now()
  const folder = await resolveModel(model, { signal, onProgress: showDownload(terminal) })
  const quantizationConfig = await recipe(options.recipe, await calibrationOf(folder, options))
  await checkOut(folder, out)
  const { quantization: found, modules } = await inspectModel(folder, { signal })
  if (found !== undefined) {
    throw new ConfigError('MODEL_QUANTIZED', `${model} is quantized already, with "${found.method}"`, {
      file: folder,
      hint: 'Quantize the float model that it was made from.',
    })
  }
  const result = await quantizeModel(folder, out, {
    ...{
      quantizationConfig,
      signal,
      onProgress: terminal.progress,
      dryRun: options.dryRun,
      dtype: options.dtype,
    },
    ...{
      workers: options.workers,
      maxInFlightBytes: options.maxInFlight,
      maxShardBytes: options.maxShardSize,
    },
  })
  terminal.clear()
  const {
    method = quantizationConfig.quantMethod,
    quantized,
    skipped,
    bytesBefore,
    bytesAfter,
    warnings,
  } = result
  for (const warning of warnings) terminal.line(`warning: ${warning}`)
  const summary: Quantization = {
    ...{ output: resolve(out), method, recipe: options.recipe, dryRun: options.dryRun ?? false },
    ...{ quantized, skipped, bytesBefore, bytesAfter },
    seconds: (performance.now() - start) / 1000,
    peakRssBytes: peakRssBytes(),
  }
  if (options.json) printJson(summary)
  else printLines(formatQuantization(summary, { model, out, modules }))
}

/** What a recipe calibrates with. The demo model brings its own text: the stories of seed 3. */
async function calibrationOf(
  folder: string,
  { calibration: file, samples, sequenceLength }: QuantizeOptions,
): Promise<RecipeOptions> {
  if (file !== undefined) return { calibration: { file }, samples, sequenceLength }
  const isDemo = (await realpath(folder)) === (await realpath(demoModel))
  if (!isDemo) return { samples, sequenceLength }
  const demo = { samples: samples ?? 128, sequenceLength: sequenceLength ?? 256 }
  const stories = Math.min(Math.ceil((demo.samples * demo.sequenceLength) / STORY_TOKENS), MAX_STORIES)
  return { ...demo, calibration: storyList({ seed: 3, stories }) }
}

/** Fewer than any story has, so that there are enough of them. */
const STORY_TOKENS = 64
const MAX_STORIES = 20_000

/** Writing replaces what is in the folder, which must not be the model itself, nor a folder around it. */
async function checkOut(folder: string, out: string): Promise<void> {
  const source = await realpath(folder)
  const target = await realpath(out).catch(() => nearestRealPath(resolve(out)))
  const way = relative(target, source)
  const isAround = way === '' || !(way === '..' || way.startsWith(`..${sep}`) || resolve(way) === way)
  if (isAround) {
    throw new UsageError(
      'OUTPUT_IS_INPUT',
      `${out} ${way === '' ? 'is the folder of the model' : 'holds the model'}`,
      {
        file: target,
        hint: 'Choose another folder for the quantized model.',
      },
    )
  }
  if ((await stat(target).catch(() => undefined))?.isDirectory() === false) {
    throw new UsageError('OUTPUT_IS_FILE', `${out} is a file, expected a folder or a name that is free`, {
      file: target,
      hint: 'Choose another folder for the quantized model.',
    })
  }
}

/** Where a path that does not exist would be, with the links of its existing part followed. */
async function nearestRealPath(path: string): Promise<string> {
  const parent = dirname(path)
  if (parent === path) return path
  return join(await realpath(parent).catch(() => nearestRealPath(parent)), basename(path))
}
