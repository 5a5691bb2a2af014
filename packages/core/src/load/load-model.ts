import type { KernelPool } from '@hfquant/kernels'
import type { Calibration } from '../contract/calibration.js'
import type { Environment } from '../contract/quantizer.js'
import { announceQuantization, type FoundIn } from '../dispatch/announce-quantization.js'
import type { DeferredWeight, HfQuantizer, PreprocessResult } from '../dispatch/hf-quantizer.js'
import { CheckpointError } from '../errors/families.js'
import { quoteName } from '../errors/quote.js'
import { isOutputFailure, outputError } from '../files/output-error.js'
import type { LoadingReport } from '../report/loading-report.js'
import type { OnProgress, ProgressEvent } from '../report/progress.js'
import { stateDict } from '../save/state-dict.js'
import { componentRules } from '../shell/checkpoint-mapping.js'
import { checkCoverage, type DeviceMap, resolveDeviceMap } from '../shell/device-map.js'
import { joinPath, walkParameters } from '../shell/module.js'
import type { Parameter } from '../shell/parameter.js'
import type { QuantizedModule } from '../shell/quantized-module.js'
import type { Shell } from '../shell/shell.js'
import { renameTensors, untieEmbeddings } from './adjust-checkpoint.js'
import { createByteBudget } from './byte-budget.js'
import { alignCheckpoint, type Checkpoint, type CheckpointTensor, inOneRow } from './checkpoint.js'
import { copyTensor } from './copy-tensor.js'
import { mapCheckpoint } from './map-checkpoint.js'
import { bytesOfParts, packWeight } from './pack-weight.js'
import { type LoadPlan, planLoad } from './plan.js'
import { type QuantizeContext, quantizeWeight } from './quantize-weight.js'
import { settleTies } from './settle-ties.js'
import { createSharedScratch } from './shared-scratch.js'
import { type Place, type TensorStore, targetsOf } from './store.js'
import { streamSignal } from './stream-context.js'
import { checkpointSource, storageOf } from './tensor-source.js'

/** Enough for every worker to be busy, little enough for a small container. */
export const DEFAULT_MAX_IN_FLIGHT_BYTES = 256 * 2 ** 20

export interface PlanOptions {
  readonly checkpoint: Checkpoint
  readonly shell: Shell
  readonly quantizer: HfQuantizer | undefined
  /** What says that the checkpoint is quantized; 'config' by default. */
  readonly foundIn?: FoundIn | undefined
  readonly environment: Environment
  readonly deviceMap?: string | DeviceMap | null | undefined
  readonly signal?: AbortSignal | undefined
}

export interface LoadOptions extends PlanOptions {
  readonly pool: KernelPool
  readonly store: TensorStore
  /** Most float bytes that may be on their way at once. */
  readonly maxInFlightBytes?: number | undefined
  readonly onProgress?: OnProgress | undefined
  /** Makes the model runnable block by block for a quantizer that defers weights. */
  readonly calibrate?: ((deferred: readonly DeferredWeight[]) => Calibration | undefined) | undefined
}

export interface LoadedModel {
  readonly shell: Shell
  readonly deviceMap: DeviceMap
  readonly report: LoadingReport
  /** Undefined for a model without a quantizer. */
  readonly quantization: PreprocessResult | undefined
  readonly warnings: readonly string[]
}

/** A model whose parameters have no bytes yet; everything else about it is decided. */
export interface PlannedModel extends LoadedModel {
  readonly planned: LoadPlan
}

/**
 * Runs the quantizer's lifecycle over a shell and fills its parameters from a checkpoint: plan from the headers, then
 * stream under the byte budget. What the checkpoint holds already is not copied but referred to, so `checkpoint` must
 * stay open as long as the model lives.
 *
 * @throws the errors of the quantizer's stages; CheckpointError for tensors that are missing, of the wrong shape, or
 * not finite; the reason of `signal`.
 */
export async function loadModel(options: LoadOptions): Promise<LoadedModel> {
  return completeModel(await planModel(options), options)
}

/**
 * What `planModel` left to do: streams the weights in, and finishes the model. May be called again after it failed, with
 * another store.
 *
 * @param options those that the plan was made with, and more.
 */
export async function completeModel(
  { planned: found, ...model }: PlannedModel,
  options: LoadOptions,
): Promise<LoadedModel> {
  const planned = await settled(found, options)
  const store = options.store.scope === 'all' ? stateDict(model.shell) : newTensors(planned)
  const places = await options.store.allocate(store)
  await stream(planned, places, options)
  refuseMeta(model.shell)
  const late = await postprocess(planned, options)
  return { ...model, warnings: [...model.warnings, ...late] }
}

/** The plan with those tensors in one row that are read again and again; what is read once is put there on the way. */
async function settled(plan: LoadPlan, { store, signal }: LoadOptions): Promise<LoadPlan> {
  const settle = async <Step extends { readonly source: CheckpointTensor }>(steps: readonly Step[]) => {
    const done: Step[] = []
    for (const step of steps) done.push({ ...step, source: await inOneRow(step.source, signal) })
    return done
  }
  const stored = store.scope === 'all' ? plan.stored : await settle(plan.stored)
  return { ...plan, stored, deferred: await settle(plan.deferred) }
}

/** @returns warnings. */
async function postprocess({ deferred }: LoadPlan, options: LoadOptions): Promise<string[]> {
  const { shell, quantizer, pool, signal, onProgress, calibrate } = options
  const warnings: string[] = []
  const calibration = deferred.length > 0 ? calibrate?.(deferred) : undefined
  try {
    await quantizer?.postprocess({
      ...{ shell, pool, signal, onProgress, deferred, calibration },
      checkpoint: options.checkpoint,
      maxInFlightBytes: options.maxInFlightBytes ?? DEFAULT_MAX_IN_FLIGHT_BYTES,
      warn: (message) => warnings.push(message),
    })
  } catch (error) {
    throw isOutputFailure(error) ? outputError(error, 'the quantized weights') : error
  } finally {
    await calibration?.close()
  }
  return warnings
}

/** Everything before the first byte of a weight is read; what a dry run does. */
export async function planModel(options: PlanOptions): Promise<PlannedModel> {
  const { shell, quantizer, environment, signal } = options
  const { checkpoint: opened } = options
  const renamed =
    quantizer === undefined ? opened : renameTensors(opened, (name) => quantizer.tensorName(name))
  const { checkpoint: mapping = [] } = shell
  shell.components = componentRules(mapping, quantizer?.stackedComponents ?? [])
  const aligned = alignCheckpoint(mapCheckpoint(renamed, [...mapping, ...shell.components]), shell)
  signal?.throwIfAborted()
  quantizer?.validateEnvironment(environment)
  const requested = resolveDeviceMap(options.deviceMap, environment.devices)
  const deviceMap = quantizer?.updateDeviceMap(requested) ?? requested
  const warnings = await settleTies(shell, aligned)
  const checkpoint = quantizer?.untiesEmbeddings ? untieEmbeddings(shell, aligned) : aligned
  const quantization = await quantizer?.preprocess({ shell, checkpoint, deviceMap })
  if (quantizer?.preQuantized && quantization !== undefined) {
    await announceQuantization(checkpoint, quantizer, quantization, options.foundIn ?? 'config')
  }
  checkCoverage(shell.root, deviceMap)
  quantizer?.validateEnvironment(environment, deviceMap)
  const planned = planLoad(shell, checkpoint, quantizer)
  return {
    shell,
    deviceMap,
    report: planned.report,
    quantization,
    warnings: [
      ...(opened.warnings ?? []),
      ...warnings,
      ...(quantization?.warnings ?? []),
      ...describeUnexpected(planned.report),
    ],
    planned,
  }
}

function describeUnexpected({ unexpected }: LoadingReport): string[] {
  if (unexpected.length === 0) return []
  const names = unexpected.slice(0, 3).map(quoteName).join(', ')
  return [`${unexpected.length} tensors of the checkpoint have no place in the model: ${names}`]
}

const newTensors = (plan: LoadPlan) =>
  [...plan.quantized, ...plan.deferred, ...plan.packed].flatMap(({ module }) =>
    module.components.map(({ key, dtype, shape }) => ({
      name: joinPath(module.info.path, key),
      dtype,
      shape,
    })),
  )

/** Starts every step in order, as the budget allows, and waits for all of them, failed or not. */
async function stream(
  plan: LoadPlan,
  places: ReadonlyMap<string, Place>,
  options: LoadOptions,
): Promise<void> {
  const { pool, maxInFlightBytes = DEFAULT_MAX_IN_FLIGHT_BYTES } = options
  const stop = new AbortController()
  const signal = streamSignal(stop.signal, options.signal)
  const context: QuantizeContext = {
    pool,
    budget: createByteBudget(maxInFlightBytes),
    wholeBudget: createByteBudget(maxInFlightBytes / 16),
    roomBudget: createByteBudget(maxInFlightBytes / 16),
    scratch: createSharedScratch(),
    maxInFlightBytes,
    signal,
  }
  const copied = options.store.scope === 'all' ? plan.stored : []
  const progress = progressOf(plan, copied, options.onProgress)
  const running: Promise<void>[] = []
  const start = async <Result>(
    step: Promise<{ readonly done: Promise<Result> }>,
    report: (result: Result) => void,
  ) => {
    const { done } = await step
    running.push(done.then(report))
    running.at(-1)!.catch((error) => stop.abort(error))
  }
  for (const { module } of [...plan.deferred, ...plan.packed]) {
    for (const [key, { storage }] of placesOf(module, places)) module.component(key).storage = storage
  }
  try {
    for (const { module, source: found } of plan.quantized) {
      const source = await inOneRow(found, signal)
      const own = placesOf(module, places)
      const targets = new Map([...own].map(([key, place]) => [key, place.target]))
      await start(quantizeWeight(module, source, targets, context), (shapes) => {
        for (const [key, place] of own) module.component(key).place(place.storage, shapes.get(key))
        source.release?.()
        progress('quantize', module.tensor, source.byteLength)
      })
    }
    for (const weight of plan.packed) {
      signal.throwIfAborted()
      await packWeight(weight, placesOf(weight.module, places))
      progress('convert', weight.module.tensor, bytesOfParts(weight))
    }
    for (const { name, parameter, source: found } of plan.stored) {
      const place = copied.length > 0 ? places.get(name) : undefined
      if (place === undefined) {
        parameter.storage = storageOf(found, name)
        continue
      }
      const source = await inOneRow(found, signal)
      const origin = { tensor: name, file: source.file }
      await start(copyTensor(checkpointSource(source), parameter, targetsOf(place), context, origin), () => {
        parameter.storage = place.storage
        source.release?.()
        progress('copy', name, source.byteLength)
      })
    }
    await Promise.all(running)
  } catch (error) {
    stop.abort(error)
    await Promise.allSettled(running)
    options.signal?.throwIfAborted()
    throw isOutputFailure(error) ? outputError(error, 'the quantized weights') : error
  }
}

/** The places of the components of a weight. */
const placesOf = (
  { info, components }: QuantizedModule,
  places: ReadonlyMap<string, Place>,
): ReadonlyMap<string, Place> =>
  new Map(components.map(({ key }) => [key, places.get(joinPath(info.path, key))!]))

function progressOf(plan: LoadPlan, copied: LoadPlan['stored'], onProgress: OnProgress | undefined) {
  const read = [...plan.quantized, ...copied].map(({ source }) => source.byteLength)
  const sizes = [...read, ...plan.packed.map(bytesOfParts)]
  const total = sizes.length
  const totalBytes = sizes.reduce((sum, size) => sum + size, 0)
  let done = 0
  let doneBytes = 0
  return (stage: ProgressEvent['stage'], tensor: string, bytes: number) => {
    done += 1
    doneBytes += bytes
    onProgress?.({ stage, tensor, done, total, doneBytes, totalBytes })
  }
}

/** A parameter without bytes would be a model without data, found out much later. */
function refuseMeta(shell: Shell): void {
  const isMeta = ([, parameter]: readonly [string, Parameter]) => parameter.storage.kind === 'meta'
  const names = [...walkParameters(shell.root)].filter(isMeta).map(([name]) => name)
  if (names.length === 0) return
  throw new CheckpointError(
    'PARAMETER_META',
    `${names.length} parameters have no data: ${names.slice(0, 3).join(', ')}`,
    {
      tensor: names[0],
      hint: 'The quantizer left components without a source; this is a fault of its package.',
    },
  )
}
