import { relative } from 'node:path'
import type { Command } from 'commander'
import { type InspectedModule, inspectModel, type ModelInspection, resolveModel } from 'hfquant'
import { bitsPerWeight } from '../bits-per-weight.js'
import { type CommandSetup, type CommonOptions, MODEL, withCommonOptions } from '../command-setup.js'
import { formatBytes, formatCount, formatNumber, formatTable } from '../output/format.js'
import { printJson, printLines } from '../output/print.js'
import { groupByReason } from '../output/quantization-summary.js'
import { showDownload } from '../output/show-download.js'

export function addInspect(program: Command, setup: CommandSetup): void {
  const command = program
    .command('inspect')
    .description('Show what a model is made of and how it is quantized. Only headers are read, no weights.')
    .argument('<model>', MODEL)
  withCommonOptions(command, [
    'hfquant inspect ./TinyLlama-1.1B-quantized',
    'hfquant inspect TinyLlama/TinyLlama-1.1B-Chat-v1.0 --json',
  ]).action((model: string, options: CommonOptions) => inspect(model, options, setup))
}

async function inspect(
  model: string,
  { json }: CommonOptions,
  { terminal, signal }: CommandSetup,
): Promise<void> {
  const folder = await resolveModel(model, { signal, onProgress: showDownload(terminal) })
  const inspection = await inspectModel(folder, { signal })
  terminal.clear()
  for (const warning of inspection.warnings) terminal.line(`warning: ${warning}`)
  if (json) printJson(describe(inspection, folder))
  else printLines(summarize(model, inspection))
}

function describe(inspection: ModelInspection, folder: string): object {
  const { architecture, quantization, dtype, parameters, bytesOnDisk, tensors, modules } = inspection
  return {
    architecture,
    task: inspection.task,
    method: quantization?.method ?? null,
    config: quantization?.config ?? null,
    dtype,
    vocabSize: inspection.vocabSize,
    contextLength: inspection.contextLength,
    parameters,
    experts: inspection.experts ?? null,
    bytesOnDisk,
    bitsPerWeight: bitsPerWeight(inspection),
    tensors: tensors.map(({ name, dtype, shape, file }) => ({
      name,
      dtype,
      shape,
      file: relative(folder, file),
    })),
    modules: modules.map(({ name, kind, format, reason }) => ({ name, kind, format, reason })),
    warnings: inspection.warnings,
  }
}

function summarize(model: string, inspection: ModelInspection): string[] {
  const { architecture, quantization, dtype, parameters, bytesOnDisk, modules, contextLength } = inspection
  const files = new Set(inspection.tensors.map(({ file }) => file)).size
  const facts = [
    ['architecture', `${architecture}, ${inspection.task}`],
    ['quantization', quantization?.method ?? `none, ${dtype}`],
    ['parameters', formatCount(parameters)],
    ...describeExperts(inspection),
    ['on disk', `${formatBytes(bytesOnDisk)}, ${inspection.tensors.length} tensors in ${files} file(s)`],
    ['bits/weight', formatNumber(bitsPerWeight(inspection), 2)],
    ['context', `${formatCount(contextLength)} positions, vocabulary ${formatCount(inspection.vocabSize)}`],
  ]
  const formats = [...new Set(modules.map(labelOf))].map((label) => {
    const named = modules.filter((module) => labelOf(module) === label)
    const bytes = named.reduce((sum, { weightBytes, isTied }) => sum + (isTied ? 0 : weightBytes), 0)
    return [label, String(named.length), formatBytes(bytes), named[0]!.name]
  })
  const kept = modules.flatMap(({ name, reason }) => (reason === undefined ? [] : [{ module: name, reason }]))
  const reasons = groupByReason(kept).map(({ reason, names }) => [String(names.length), reason, names[0]!])
  return [
    model,
    ...indent(formatTable(facts)),
    '',
    ...formatTable([['modules', 'count', 'weights', 'first'], ...formats]),
    ...(reasons.length === 0 ? [] : ['', ...formatTable([['kept', 'because it', 'first'], ...reasons])]),
  ]
}

/** The matrices of experts are many and alike, and make one row. */
const labelOf = ({ kind, format, isExpert }: InspectedModule): string =>
  `${isExpert ? 'experts' : kind} in ${format}`

function describeExperts({ experts }: ModelInspection): readonly string[][] {
  if (experts === undefined) return []
  const { count, chosen, parameters, activeParameters } = experts
  return [
    ['experts', `${count} in a layer, ${formatCount(parameters)} parameters`],
    ['active', `${formatCount(activeParameters)} parameters, with ${chosen} experts for each token`],
  ]
}

const indent = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`)
