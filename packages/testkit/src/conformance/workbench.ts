import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  AutoQuantizer,
  createKernelPool,
  createScratchStore,
  type FloatDtype,
  findModel,
  type HfQuantizer,
  type KernelPool,
  type LoadedModel,
  type LoadOptions,
  loadModel,
  type MergedQuantization,
  openCheckpoint,
  type QuantizationConfigInput,
  type QuantizerBackend,
  readJsonFile,
  registerQuantizer,
  type SaveModelOptions,
  type Shell,
  saveModel,
} from '@hfquant/core/runtime'
import { createGraphThreads, type GraphThreads } from '@hfquant/onnx'
import { fakeEnvironment } from '../fake-environment.js'
import { buildShell, type ModelLayout } from '../models/layout.js'
import { type CheckpointOptions, writeCheckpoint } from '../models/write-checkpoint.js'

/** What to load, and how. */
export interface LoadRequest {
  /** Folder of the checkpoint. */
  readonly from: string
  readonly layout: ModelLayout
  /** Dtype of the shell; default float32. */
  readonly dtype?: FloatDtype | undefined
  /** Absent: the checkpoint decides. */
  readonly config?: QuantizationConfigInput | undefined
  /** Looks at the quantizer and the shell before anything is done with them, and may wrap hooks. */
  readonly prepare?: ((quantizer: HfQuantizer, shell: Shell) => void) | undefined
  readonly options?: Partial<LoadOptions> | undefined
}

/** A model that the kit has loaded. Its files stay open until the end of the check. */
export interface WorkbenchModel extends LoadedModel {
  readonly from: string
  readonly dtype: FloatDtype
  readonly quantizer: HfQuantizer | undefined
  readonly merged: MergedQuantization | undefined
}

/** Where to save, and how. */
export interface SaveRequest extends Pick<SaveModelOptions, 'maxShardBytes' | 'signal'> {
  /** Default: a new folder. */
  readonly out?: string
}

/** Where checks do their work: a temporary folder, worker threads, and everything that has to be closed again. */
export interface Workbench extends AsyncDisposable {
  readonly backend: QuantizerBackend
  /** Two workers, used unless a check asks for another number. */
  readonly pool: KernelPool
  /** A pool of another size; starting one takes longer than most checks. */
  poolOf(workers: number): KernelPool
  readonly graphs: GraphThreads
  /** Path of a folder that does not exist yet. */
  newFolder(): string
  /** A float checkpoint of a layout, for reading only: equal ones are written once. */
  checkpoint(layout: ModelLayout, options?: Omit<CheckpointOptions, 'values'>): Promise<string>
  /** Everything that loading needs, and nothing done yet. */
  open(request: LoadRequest): Promise<LoadOptions & Pick<WorkbenchModel, 'from' | 'dtype' | 'merged'>>
  load(request: LoadRequest): Promise<WorkbenchModel>
  /** @returns the folder written. */
  save(model: WorkbenchModel, options?: SaveRequest): Promise<string>
  /** Closes what the loaded models hold open. */
  release(): Promise<void>
}

/** Opens a bench for checks of one backend, and registers the backend, as an application would. */
export async function openWorkbench(backend: QuantizerBackend): Promise<Workbench> {
  registerQuantizer(backend)
  const root = await mkdtemp(join(tmpdir(), 'hfquant-testkit-'))
  const pools = new Map<number, KernelPool>()
  const poolOf = (workers: number) => {
    const pool = pools.get(workers) ?? createKernelPool({ workers })
    pools.set(workers, pool)
    return pool
  }
  const pool = poolOf(2)
  const graphs = createGraphThreads({ threads: 1 })
  const closers: (() => unknown)[] = []
  const checkpoints = new Map<string, Promise<string>>()
  let folders = 0
  const release = async () => {
    for (const close of closers.splice(0)) await close()
  }
  const bench: Workbench = {
    backend,
    pool,
    poolOf,
    graphs,
    newFolder: () => join(root, String(folders++)),
    release,
    checkpoint(layout, settings = {}) {
      const known = JSON.stringify([layout, settings])
      const written = checkpoints.get(known) ?? writeCheckpoint(bench.newFolder(), layout, settings)
      checkpoints.set(known, written)
      return written
    },
    async open({ from, layout, dtype: wanted = 'float32', config, prepare, options = {} }) {
      const { quantization } = await findModel(from)
      const merged = await AutoQuantizer.merge(quantization?.json, config)
      const quantizer = merged && AutoQuantizer.create(merged)
      const dtype = quantizer?.updateDtype(wanted, true) ?? wanted
      const shell = buildShell(layout, dtype)
      if (quantizer !== undefined) prepare?.(quantizer, shell)
      const checkpoint = await openCheckpoint(from, { preferred: quantizer?.weightFiles() })
      const store = createScratchStore(root)
      closers.push(
        () => store.release(),
        () => checkpoint.close(),
      )
      const environment = fakeEnvironment()
      return { checkpoint, shell, quantizer, environment, pool, store, from, dtype, merged, ...options }
    },
    async load(request) {
      const opened = await bench.open(request)
      const { from, dtype, merged, quantizer } = opened
      return { ...(await loadModel(opened)), from, dtype, merged, quantizer }
    },
    async save({ shell, quantizer, from, dtype }, { out = bench.newFolder(), ...limits } = {}) {
      const { document: config } = await readJsonFile(join(from, 'config.json'))
      await saveModel(out, { shell, quantizer, config, dtype, pool, sourceFolder: from, ...limits })
      return out
    },
    async [Symbol.asyncDispose]() {
      await release()
      await Promise.all([...[...pools.values()].map((each) => each.dispose()), graphs.close()])
      await rm(root, { recursive: true, force: true })
    },
  }
  return bench
}
