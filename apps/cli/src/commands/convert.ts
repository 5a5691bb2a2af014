import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { convertModel, processMemory, resolveModel } from 'hfquant'
import { type CommandSetup, type CommonOptions, MODEL, withCommonOptions } from '../command-setup.js'
import { byteSize, wholeNumber } from '../option-values.js'
import { plural } from '../output/format.js'
import { printJson, printLines } from '../output/print.js'
import { costOf, nextSteps, sizesOf, type WrittenFolder } from '../output/quantization-summary.js'
import { showDownload } from '../output/show-download.js'
import { checkOutput } from '../quantize/check-output.js'

interface ConvertOptions extends CommonOptions {
  readonly to: string
  readonly dryRun?: true
  readonly workers?: number
  readonly maxInFlight?: number
  readonly maxShardSize?: number
}

export function addConvert(program: Command, setup: CommandSetup): void {
  const command = program
    .command('convert')
    .description(
      'Write a quantized model in the format of another method, without a change of its codes and scales. The new folder appears complete or not at all.',
    )
    .argument('<model>', MODEL)
    .argument('<out>', 'the folder to write; an older model in it is replaced')
    .addOption(
      new Option('--to <method>', 'the method whose format is written')
        .choices(setup.conversions)
        .makeOptionMandatory(),
    )
    .option('--dry-run', 'check everything that headers tell, say what would be done, write nothing')
    .option('--workers <n>', 'threads that copy (default: one per core, at most 8)', wholeNumber(1))
    .option('--max-in-flight <bytes>', 'bytes of copied tensors at once (default: 256MiB)', byteSize)
    .option('--max-shard-size <bytes>', 'most bytes of one file (default: 50GB)', byteSize)
  withCommonOptions(command, [
    'hfquant convert ./TinyLlama-1.1B-AWQ ./TinyLlama-1.1B-w4a16 --to compressed-tensors',
    'hfquant convert ./TinyLlama-1.1B-w4a16 ./TinyLlama-1.1B-GPTQ --to gptq --dry-run',
  ]).action((model: string, out: string, options: ConvertOptions) => convert(model, out, options, setup))
}

/** What `convert --json` prints. */
interface Conversion extends WrittenFolder {
  /** `quant_method` of the model that was converted. */
  readonly from: string
}

async function convert(
  model: string,
  out: string,
  options: ConvertOptions,
  { terminal, signal }: CommandSetup,
): Promise<void> {
  const start = performance.now()
  const { to, json = false, dryRun = false } = options
  const folder = await resolveModel(model, { signal, onProgress: showDownload(terminal) })
  await checkOutput(folder, out)
  const {
    method = to,
    modules: _,
    warnings,
    ...result
  } = await convertModel(folder, out, {
    ...{ to, dryRun, signal, onProgress: terminal.progress },
    workers: options.workers,
    maxInFlightBytes: options.maxInFlight,
    maxShardBytes: options.maxShardSize,
  })
  terminal.clear()
  for (const warning of warnings) terminal.line(`warning: ${warning}`)
  const summary: Conversion = {
    ...{ output: resolve(out), method, dryRun, ...result },
    seconds: (performance.now() - start) / 1000,
    peakRssBytes: processMemory().peakResident,
  }
  if (json) printJson(summary)
  else printLines(summarize(summary, model, out))
}

function summarize(summary: Conversion, model: string, out: string): readonly string[] {
  const { quantized, from, method } = summary
  return [
    `${model}: ${plural(quantized.length, 'weight')} from ${from} to ${method}, ${sizesOf(summary)}`,
    ...[costOf(summary), ...nextSteps(summary, out)].map((line) => `  ${line}`),
  ]
}
