import type { Dtype } from '../contract/tensor.js'
import type { DeferredWeight, HfQuantizer, StoredIntegers, WeightPlan } from '../dispatch/hf-quantizer.js'
import { isBorrowed } from '../dispatch/quantized-ties.js'
import { CheckpointError } from '../errors/families.js'
import { describeTensor, type LoadingReport, type Mismatch } from '../report/loading-report.js'
import { isCastable, isFloatDtype, isFloating } from '../shell/dtype.js'
import { ownerPath } from '../shell/join-path.js'
import { joinPath, walkModules } from '../shell/module.js'
import type { Parameter } from '../shell/parameter.js'
import { QuantizedModule } from '../shell/quantized-module.js'
import type { Shell } from '../shell/shell.js'
import type { Checkpoint, CheckpointTensor } from './checkpoint.js'
import { missingTensors } from './missing-tensors.js'

/** Everything that will be read, decided from headers alone. */
export interface LoadPlan {
  /** Parameters that the checkpoint holds as they are, or in another float precision. */
  readonly stored: readonly StoredParameter[]
  /** Weights that are quantized while they stream in. */
  readonly quantized: readonly QuantizedWeight[]
  /** Weights that the quantizer makes in `postprocess`. */
  readonly deferred: readonly DeferredWeight[]
  /** Weights that are packed anew from the tensors of another method. */
  readonly packed: readonly PackedWeight[]
  readonly report: LoadingReport
}

export interface StoredParameter {
  readonly name: string
  readonly parameter: Parameter
  readonly source: CheckpointTensor
}

export interface QuantizedWeight {
  readonly module: QuantizedModule
  readonly source: CheckpointTensor
}

export interface PackedWeight extends StoredIntegers {
  readonly module: QuantizedModule
}

/**
 * Decides what feeds each parameter of the shell.
 *
 * @throws CheckpointError TENSOR_MISSING or TENSOR_MISMATCH, which name the first tensors concerned and carry counts.
 */
export function planLoad(shell: Shell, checkpoint: Checkpoint, quantizer: HfQuantizer | undefined): LoadPlan {
  const stored: StoredParameter[] = []
  const quantized: QuantizedWeight[] = []
  const deferred: DeferredWeight[] = []
  const packed: PackedWeight[] = []
  const missing: string[] = []
  const mismatched: Mismatch[] = []
  const used = new Set<CheckpointTensor>()
  const placed = new Set<Parameter>()

  const place = (
    name: string,
    parameter: Parameter,
    source: CheckpointTensor | undefined,
    castable = isCastable,
  ) => {
    if (placed.has(parameter)) return
    placed.add(parameter)
    if (source === undefined) {
      missing.push(name)
      return
    }
    used.add(source)
    if (!fits(source, parameter, castable))
      mismatched.push({ tensor: name, found: source, expected: parameter })
    stored.push({ name, parameter, source })
  }

  for (const [path, module] of walkModules(shell.root)) {
    if (module instanceof QuantizedModule && quantizer !== undefined) {
      const plan = isBorrowed(shell, module) ? BORROWED : quantizer.load(module, checkpoint)
      for (const [key, source] of plan.kind === 'stored' ? plan.parts : []) {
        place(joinPath(path, key), module.component(key), source, isFloatDtype)
      }
      if (plan.kind === 'packed') {
        for (const part of plan.parts.values()) used.add(part)
        packed.push({ module, form: plan.form, parts: plan.parts })
      } else if (plan.kind !== 'stored') {
        const { tensor: name, replaced } = module
        const expected = { dtype: module.info.dtype, shape: replaced.parameter.shape }
        if (!fits(plan.source, expected, isCastable))
          mismatched.push({ tensor: name, found: plan.source, expected })
        used.add(plan.source)
        const made = plan.kind === 'quantize' ? quantized : deferred
        made.push({ module, source: plan.source })
      }
      if (module.bias !== undefined) {
        const name = joinPath(path, 'bias')
        place(name, module.bias, checkpoint.tensors.get(name))
      }
      continue
    }
    for (const [key, parameter] of module.parameters) {
      const name = joinPath(path, key)
      place(name, parameter, findStored(name, shell, checkpoint))
    }
  }

  // A checkpoint may hold both names of a tie; settleTies has seen that they are equal.
  const aliases = new Set(shell.ties.map(({ alias }) => alias))
  const unexpected = [...checkpoint.tensors]
    .filter(([name, tensor]) => !used.has(tensor) && !aliases.has(name) && !shell.ignores?.(name))
    .map(([name]) => name)
  const converted = [...quantized, ...deferred, ...packed].map(({ module }) => module.tensor)
  const report = { missing, unexpected, mismatched, converted }
  refuseIncomplete(report, checkpoint)
  const made = [...quantized, ...deferred].map(({ module, source }) => ({
    name: module.tensor,
    parameter: module.info,
    source,
  }))
  refuseScaled([...stored, ...made], report, checkpoint)
  return { stored, quantized, deferred, packed, report }
}

const BORROWED: WeightPlan = { kind: 'stored', parts: new Map() }

/** The tensor of a parameter, under its own name or under that of a parameter it is tied to. */
function findStored(name: string, shell: Shell, checkpoint: Checkpoint): CheckpointTensor | undefined {
  const names = [
    name,
    ...shell.ties.flatMap(({ alias, target }) =>
      target === name ? [alias] : alias === name ? [target] : [],
    ),
  ]
  return names.map((candidate) => checkpoint.tensors.get(candidate)).find((tensor) => tensor !== undefined)
}

/** Shapes must agree; dtypes too, unless the one that is found can be cast to floats while it is read. */
function fits(
  found: CheckpointTensor,
  expected: Pick<Parameter, 'dtype' | 'shape'>,
  isCastable: (dtype: Dtype) => boolean,
): boolean {
  const sameShape =
    found.shape.length === expected.shape.length &&
    found.shape.every((size, axis) => size === expected.shape[axis])
  const castable = isCastable(found.dtype) && isFloatDtype(expected.dtype)
  return sameShape && (castable || found.dtype === expected.dtype)
}

function refuseIncomplete(report: LoadingReport, checkpoint: Checkpoint): void {
  const { missing, mismatched } = report
  const where = `${checkpoint.folder} (${checkpoint.files.join(', ')})`
  const [wrong] = mismatched
  if (wrong !== undefined) {
    const more = mismatched.length > 1 ? `, and ${mismatched.length - 1} more` : ''
    throw new CheckpointError(
      'TENSOR_MISMATCH',
      `"${wrong.tensor}" in ${where} is ${describeTensor(wrong.found)}, expected ${describeTensor(wrong.expected)}${more}`,
      {
        tensor: wrong.tensor,
        file: checkpoint.folder,
        found: describeTensor(wrong.found),
        expected: describeTensor(wrong.expected),
        hint: 'config.json and the weights describe different models; take both from the same revision.',
      },
    )
  }
  if (missing.length > 0) throw missingTensors(missing, checkpoint)
}

/**
 * Whole numbers and eight-bit floats that become floats are the values themselves. Beside a tensor that the model has no
 * place for, they are more likely codes of a quantization that config.json does not mention.
 */
function refuseScaled(
  sources: readonly (Pick<StoredParameter, 'name' | 'source'> & {
    readonly parameter: Pick<Parameter, 'dtype'>
  })[],
  { unexpected }: LoadingReport,
  { folder }: Checkpoint,
): void {
  const beside = new Map(unexpected.map((name) => [ownerPath(name), name]))
  for (const { name, source, parameter } of sources) {
    const scale = beside.get(ownerPath(name))
    if (scale === undefined || isFloating(source.dtype) || !isFloatDtype(parameter.dtype)) continue
    throw new CheckpointError(
      'TENSOR_QUANTIZED',
      `"${name}" in ${source.file} is ${describeTensor(source)} and has "${scale}" beside it: it is quantized, and config.json of ${folder} does not say how`,
      {
        tensor: name,
        file: source.file,
        found: source.dtype,
        expected: parameter.dtype,
        hint: 'Take config.json from the revision of the weights, with its quantization_config, or use the float model.',
      },
    )
  }
}
