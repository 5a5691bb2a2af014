import type { QuantizeModelResult } from 'hfquant'
import { formatBytes, formatTable, plural } from './format.js'

/** What is printed of a quantized model that was written. */
export interface WrittenFolder
  extends Pick<
    QuantizeModelResult,
    'architecture' | 'task' | 'quantized' | 'skipped' | 'bytesBefore' | 'bytesAfter' | 'config' | 'carried'
  > {
  readonly output: string
  readonly method: string
  readonly dryRun: boolean
  readonly seconds: number
  readonly peakRssBytes: number
}

/** What `quantize --json` prints. */
export interface Quantization extends WrittenFolder {
  /** Null when a config said how. */
  readonly recipe: string | null
}

/** The summary of a quantization: what was done, what was kept and why, what it cost, what to do next. */
export function formatQuantization(
  result: Quantization,
  {
    model,
    out,
    modules,
  }: { readonly model: string; readonly out: string; readonly modules: readonly string[] },
): string[] {
  const { quantized, skipped, dryRun, recipe } = result
  const named = new Set([...quantized, ...skipped.map(({ module }) => module)])
  const others = modules.filter((name) => !named.has(name))
  const kept = [...groupByReason(skipped), { reason: 'not linear layers', names: others }]
  const rows = [
    [
      String(quantized.length),
      dryRun ? 'to be quantized' : 'quantized',
      recipe === null ? `with ${result.method}` : `to ${recipe} (${result.method})`,
    ],
    ...kept
      .filter(({ names }) => names.length > 0)
      .map(({ reason, names }) => [
        String(names.length),
        'kept in float',
        `${names.length > 2 ? '' : `${names.join(', ')}: `}${reason}`,
      ]),
  ]
  return [
    `${model}: ${plural(modules.length, 'module')}, ${sizesOf(result)}`,
    ...formatTable([['', '', ''], ...rows]).slice(1),
    costOf(result),
    ...nextSteps(result, out),
  ].map((line, index) => (index === 0 ? line : `  ${line}`))
}

/** Bytes of the tensors, before and after. */
export const sizesOf = ({ bytesBefore, bytesAfter }: WrittenFolder): string =>
  `${formatBytes(bytesBefore)} → ${formatBytes(bytesAfter)}`

export const costOf = ({ peakRssBytes, seconds }: WrittenFolder): string =>
  `peak memory ${formatBytes(peakRssBytes)} · ${seconds.toFixed(1)} s`

/** What a folder that was written is used with; of a dry run, what would be written. */
export const nextSteps = (result: WrittenFolder, out: string): readonly string[] =>
  result.dryRun
    ? [...plannedFiles(result), 'nothing was written; leave out --dry-run to do it']
    : [`next: hfquant ${nextCommand(result, quoteArgument(out))}`]

/** What a model of a task is used with. */
function nextCommand({ architecture, task }: WrittenFolder, out: string): string {
  switch (task) {
    case 'causal-lm':
      return `generate ${out} "Once upon a time"`
    case 'token-classification':
      return `entities ${out} "Ada Lovelace lived in London."${architecture === 'GLiNER' ? ' --labels person,place' : ''}`
    case 'sequence-classification':
      return `classify ${out} "What a fine day!"`
    case 'hidden-states':
      return `embed ${out} texts.txt`
    default:
      return `inspect ${out}`
  }
}

/** What a dry run leaves out. */
const plannedFiles = ({ output, bytesAfter, config, carried }: WrittenFolder): string[] => [
  `would create  ${output}`,
  `would write   weights, ${formatBytes(bytesAfter)}`,
  `would write   config.json, with quantization_config ${JSON.stringify(config)}`,
  ...(carried.length === 0 ? [] : [`would copy    ${carried.join(', ')}`]),
]

/** Modules that were kept for the same reason, in the order of the first of them. */
export function groupByReason(
  skipped: readonly { readonly module: string; readonly reason: string }[],
): readonly { readonly reason: string; readonly names: readonly string[] }[] {
  const reasons = [...new Set(skipped.map(({ reason }) => reason))]
  return reasons.map((reason) => ({
    reason,
    names: skipped.filter((one) => one.reason === reason).map(({ module }) => module),
  }))
}

/** A path as it can be typed into a shell. */
const quoteArgument = (text: string): string => (/^[\w./:@~-]+$/.test(text) ? text : JSON.stringify(text))
