import {
  Conv1D,
  Embedding,
  type FloatDtype,
  findModule,
  joinPath,
  Linear,
  Module,
  type Shell,
  type Tie,
  tie,
} from '@hfquant/core/runtime'

/** A module of a model, by what it holds. */
export type ModuleSpec =
  /** `weight` [outFeatures, inFeatures], `bias` [outFeatures]. */
  | {
      readonly kind: 'linear'
      readonly inFeatures: number
      readonly outFeatures: number
      readonly bias?: boolean
      /** A module that stays in its own precision whatever the model's is. */
      readonly dtype?: FloatDtype
    }
  /** `weight` [inFeatures, outFeatures] and `bias` [outFeatures], as GPT-2 has them. */
  | { readonly kind: 'conv1d'; readonly inFeatures: number; readonly outFeatures: number }
  /** `weight` [count, size]. */
  | { readonly kind: 'embedding'; readonly count: number; readonly size: number }
  /** A norm: `weight` [size], and `bias` [size]. */
  | { readonly kind: 'vector'; readonly size: number; readonly bias?: boolean }

/** A model as a list of modules: all that a shell and a checkpoint of it need. */
export interface ModelLayout {
  /** By path, in the order of the model. */
  readonly modules: Readonly<Record<string, ModuleSpec>>
  /** Name of the base model within the root; '' for a bare base model. */
  readonly basePrefix: string
  readonly inputEmbedding: string
  /** '' for a model without a head. */
  readonly outputEmbedding: string
  readonly ties?: readonly Tie[]
}

/** The model on the meta device: a new one with every call. */
export function buildShell(layout: ModelLayout, dtype: FloatDtype = 'float32'): Shell {
  const root = new Module()
  for (const [path, spec] of Object.entries(layout.modules)) {
    const cut = path.lastIndexOf('.')
    parentAt(root, path.slice(0, Math.max(cut, 0))).child(path.slice(cut + 1), buildModule(spec, dtype))
  }
  const { basePrefix, inputEmbedding, outputEmbedding } = layout
  const shell: Shell = { root, dtype, basePrefix, inputEmbedding, outputEmbedding, ties: [] }
  for (const pair of layout.ties ?? []) tie(shell, pair)
  return shell
}

function buildModule(spec: ModuleSpec, dtype: FloatDtype): Module {
  if (spec.kind === 'embedding') return new Embedding(spec.count, spec.size, dtype)
  if (spec.kind === 'conv1d') return new Conv1D(spec.inFeatures, spec.outFeatures, dtype)
  if (spec.kind === 'linear') {
    return new Linear(spec.inFeatures, spec.outFeatures, spec.dtype ?? dtype, { bias: spec.bias ?? false })
  }
  const norm = new Module()
  norm.parameter('weight', dtype, [spec.size])
  if (spec.bias) norm.parameter('bias', dtype, [spec.size])
  return norm
}

/** The module that holds what lies below `path`; modules on the way are added. */
function parentAt(root: Module, path: string): Module {
  const found = findModule(root, path)
  if (found !== undefined) return found
  const cut = path.lastIndexOf('.')
  return parentAt(root, path.slice(0, Math.max(cut, 0))).child(path.slice(cut + 1), new Module())
}

/** The paths of the modules whose weights are matrices that a linear layer multiplies with. */
export const linearPaths = ({ modules }: ModelLayout): readonly string[] =>
  Object.entries(modules).flatMap(([path, { kind }]) =>
    kind === 'linear' || kind === 'conv1d' ? [path] : [],
  )

/** The layout with every path below another one: "model" becomes "vision.model". */
export const nestLayout = (layout: ModelLayout, below: string): ModelLayout => ({
  modules: Object.fromEntries(
    Object.entries(layout.modules).map(([path, spec]) => [joinPath(below, path), spec]),
  ),
  basePrefix: joinPath(below, layout.basePrefix),
  inputEmbedding: joinPath(below, layout.inputEmbedding),
  outputEmbedding: layout.outputEmbedding === '' ? '' : joinPath(below, layout.outputEmbedding),
  ties: (layout.ties ?? []).map(({ alias, target }) => ({
    alias: joinPath(below, alias),
    target: joinPath(below, target),
  })),
})
