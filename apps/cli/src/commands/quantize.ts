import { resolve } from 'node:path'
import type { Command } from 'commander'
import { compileModel, processMemory, quantizeModel, resolveModel } from 'hfquant'
import { type CommandSetup, type CommonOptions, MODEL, withCommonOptions } from '../command-setup.js'
import { byteSize, wholeNumber } from '../option-values.js'
import { printJson, printLines } from '../output/print.js'
import { formatQuantization, type Quantization } from '../output/quantization-summary.js'
import { showDownload } from '../output/show-download.js'
import { checkOutput } from '../quantize/check-output.js'
import { checkChoice, chooseQuantization, type QuantizationChoice } from '../quantize/choose-quantization.js'

interface QuantizeOptions extends CommonOptions, QuantizationChoice {
  readonly quantizeLmHead?: true
  readonly dryRun?: true
  readonly compile?: true
  readonly workers?: number
  readonly maxInFlight?: number
  readonly maxShardSize?: number
  readonly dtype?: string
}

export function addQuantize(program: Command, setup: CommandSetup): void {
  const command = program
    .command('quantize')
    .description('Quantize a float model into a new folder, which appears complete or not at all.')
    .argument('<model>', MODEL)
    .argument('<out>', 'the folder to write; an older model in it is replaced')
    .option('--recipe <name>', `how to quantize: ${setup.recipes.join(', ')}`)
    .option(
      '--config <file>',
      'how to quantize, as JSON: a quantization_config block, or a file that has one',
    )
    .option(
      '--quantize-lm-head',
      'quantize the output projection as well, unless it is tied to the embedding',
    )
    .option(
      '--calibration <file>',
      `text or .jsonl file, for recipes that calibrate: ${setup.calibratedRecipes.join(', ')}`,
    )
    .option('--samples <n>', 'calibration sequences at most (default: 128)', wholeNumber(1))
    .option(
      '--sequence-length <n>',
      'tokens of a calibration sequence (default: that of the method)',
      wholeNumber(2),
    )
    .option('--dry-run', 'check everything that headers tell, say what would be done, write nothing')
    .option('--compile', 'compile the result into the cache, too, as `hfquant cache warm` does')
    .option('--workers <n>', 'threads that quantize (default: one per core, at most 8)', wholeNumber(1))
    .option('--max-in-flight <bytes>', 'float bytes on their way at once (default: 256MiB)', byteSize)
    .option('--max-shard-size <bytes>', 'most bytes of one file (default: 50GB)', byteSize)
    .option(
      '--dtype <name>',
      'precision of what stays in float, and of the values that codes stand for; no quantization (default: that of the model)',
    )
  const [name = 'int8-weight-only'] = setup.recipes
  withCommonOptions(command, [
    `hfquant quantize ./TinyLlama-1.1B ./TinyLlama-1.1B-quantized --recipe ${name}`,
    `hfquant quantize TinyLlama/TinyLlama-1.1B-Chat-v1.0 ./out --recipe ${name} --dry-run`,
    'hfquant quantize ./model ./out --config ./other-model/config.json --quantize-lm-head',
    `hfquant quantize ./TinyLlama-1.1B ./out --recipe ${name} --compile`,
    `hfquant quantize ./model ./out --recipe ${name} --workers 2 --max-in-flight 64MiB --max-shard-size 5GB`,
  ]).action((model: string, out: string, options: QuantizeOptions) => quantize(model, out, options, setup))
}

async function quantize(
  model: string,
  out: string,
  options: QuantizeOptions,
  { terminal, signal, ...offered }: CommandSetup,
): Promise<void> {
  const start = performance.now()
  const { json = false, dryRun = false } = options
  if (dryRun && json) terminal.line(DRY_RUN)
  else if (dryRun) printLines([DRY_RUN])
  await checkChoice(model, options, offered)
  const folder = await resolveModel(model, { signal, onProgress: showDownload(terminal) })
  const quantizationConfig = await chooseQuantization(folder, options)
  await checkOutput(folder, out)
  const {
    method = quantizationConfig.quantMethod,
    modules,
    warnings,
    ...result
  } = await quantizeModel(folder, out, {
    ...{ quantizationConfig, signal, onProgress: terminal.progress, dryRun, dtype: options.dtype },
    quantizeLmHead: options.quantizeLmHead,
    workers: options.workers,
    maxInFlightBytes: options.maxInFlight,
    maxShardBytes: options.maxShardSize,
  })
  if (options.compile && !dryRun) await compileModel(out, { signal, onProgress: terminal.progress })
  terminal.clear()
  for (const warning of warnings) terminal.line(`warning: ${warning}`)
  const summary: Quantization = {
    ...{ output: resolve(out), method, recipe: options.recipe ?? null, dryRun, ...result },
    seconds: (performance.now() - start) / 1000,
    peakRssBytes: processMemory().peakResident,
  }
  if (json) printJson(summary)
  else printLines(formatQuantization(summary, { model, out, modules }))
}

const DRY_RUN = 'dry run: everything is checked, and writes are skipped'
