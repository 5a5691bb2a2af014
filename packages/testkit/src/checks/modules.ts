import type { QuantizationConfigInput } from '@hfquant/core/runtime'
import { demand } from '../conformance/breach.js'
import { type ConformanceCheck, forEachConfig, type NamedConfig, needing } from '../conformance/check.js'
import { sameJson } from '../conformance/json.js'
import type { ConformanceOptions, ModuleChoices } from '../conformance/options.js'
import { quantizedModules } from '../conformance/tensors.js'
import type { Workbench, WorkbenchModel } from '../conformance/workbench.js'
import { linearPaths, type ModelLayout, type ModuleSpec, nestLayout } from '../models/layout.js'
import { tinyModel } from '../models/tiny-model.js'

const topic = 'choice of modules'

/** Which modules are quantized, and why others are not. */
export const moduleChecks = (options: ConformanceOptions): readonly ConformanceCheck[] =>
  needing(
    ['quantizing'],
    [
      ...forEachConfig(options, topic, {
        'every linear layer is quantized except the head, each with a reason (rows 3, 4, 17)': defaults,
        'toy nests with 0, 1, 2, 5 and 12 layers: all are replaced, and none is worth a warning (row 18)':
          toyNests,
      }),
      ...Object.entries(options.choices ?? {}).map(
        ([name, choices]): ConformanceCheck => ({
          topic,
          title: name,
          run: (bench) => singleModules(bench, choices),
        }),
      ),
    ],
  )

async function load(
  bench: Workbench,
  layout: ModelLayout,
  config: QuantizationConfigInput,
): Promise<WorkbenchModel> {
  return bench.load({ from: await bench.checkpoint(layout), layout, config })
}

async function defaults(bench: Workbench, { config, quantizes }: NamedConfig): Promise<void> {
  for (const [name, layout] of [
    ['an untied model', tinyModel()],
    ['a model with a tied head', tinyModel({ tied: true })],
    ['a model with Conv1D layers', tinyModel({ conv1d: true })],
    ['a bare base model', tinyModel({ headless: true })],
    ['a model within another one', nestLayout(tinyModel(), 'language_model')],
  ] as const) {
    const { shell, quantization } = await load(bench, layout, config)
    const expected = linearPaths(layout).filter((path) => path !== layout.outputEmbedding && quantizes(path))
    demandExactly(name, [...quantizedModules(shell).keys()], expected)
    demand(
      sameJson([...(quantization?.quantized ?? [])].sort(), [...expected].sort()),
      () => `${name}: preprocess reports ${quantization?.quantized} as quantized, the shell has ${expected}`,
      'preprocess reports every module that it replaced',
    )
    for (const path of linearPaths(layout).filter((candidate) => !expected.includes(candidate))) {
      const reason = quantization?.skipped.find(({ module }) => module === path)?.reason
      demand(
        reason !== undefined && reason !== '',
        `${name}: ${path} stays in float without a reason`,
        'every linear layer left out is reported with the reason',
      )
    }
  }
}

function demandExactly(name: string, found: readonly string[], expected: readonly string[]): void {
  const contract =
    'every linear layer is quantized, except the output projection, modules tied to an embedding, and the skip list'
  const extra = found.find((path) => !expected.includes(path))
  demand(extra === undefined, `${name}: ${extra} is quantized, and should stay in float`, contract)
  const missing = expected.find((path) => !found.includes(path))
  demand(missing === undefined, `${name}: ${missing} stays in float, and should be quantized`, contract)
}

async function toyNests(bench: Workbench, { config, quantizes }: NamedConfig): Promise<void> {
  for (const count of [0, 1, 2, 5, 12]) {
    const layout = toyNest(count)
    const { shell, warnings } = await load(bench, layout, config)
    const expected = linearPaths(layout).filter((path) => path !== 'lm_head' && quantizes(path)).length
    const found = quantizedModules(shell).size
    demand(
      found === expected,
      `a nest of ${count} layers and a head: ${found} were quantized`,
      'layers are found at any depth, and heads are left out',
    )
    demand(
      found > 0 || warnings.length > 0,
      'nothing was quantized, without a warning',
      'a load that quantizes nothing says so in its warnings',
    )
  }
}

/** Linear layers at depths of their own, and a head. */
function toyNest(count: number): ModelLayout {
  const linear: ModuleSpec = { kind: 'linear', inFeatures: 128, outFeatures: 128 }
  const layers = Array.from({ length: count }, (_, index) => {
    const deeper = Array.from({ length: index % 4 }, (_empty, depth) => `part${depth}`)
    return [['model', 'layers', String(index), ...deeper, 'proj'].join('.'), linear] as const
  })
  return {
    modules: {
      'model.embed_tokens': { kind: 'embedding', count: 8, size: 128 },
      ...Object.fromEntries(layers),
      lm_head: { kind: 'linear', inFeatures: 128, outFeatures: 8 },
    },
    basePrefix: 'model',
    inputEmbedding: 'model.embed_tokens',
    outputEmbedding: 'lm_head',
  }
}

async function singleModules(bench: Workbench, { config, formats }: ModuleChoices): Promise<void> {
  const { shell } = await load(bench, tinyModel(), config)
  const modules = quantizedModules(shell)
  for (const [path, wanted] of Object.entries(formats)) {
    const found = modules.get(path)?.format.name
    demand(
      wanted === null ? found === undefined : found?.includes(wanted) === true,
      `${path} is ${found ?? 'float'}, expected ${wanted ?? 'float'}`,
      'what a configuration says about a module decides over what it says in general',
    )
  }
}
