import { join } from 'node:path'
import { createKernelPool } from '@hfquant/kernels'
import { afterAll } from 'vitest'
import { AutoQuantizer, type QuantizationConfigInput } from '../dispatch/auto-quantizer.js'
import { nodeEnvironment } from '../dispatch/node-environment.js'
import { registerQuantizer } from '../dispatch/registry.js'
import { readJsonFile } from '../json/read-json-file.js'
import { type LoadOptions, loadModel } from '../load/load-model.js'
import { openCheckpoint } from '../load/open-checkpoint.js'
import { readParameter } from '../load/read-parameter.js'
import { createScratchStore } from '../load/store.js'
import { saveModel } from '../save/save-model.js'
import { stateDict } from '../save/state-dict.js'
import type { Shell } from '../shell/shell.js'
import { rowInt8 } from './row-int8.fixture.js'
import { temporaryFolder, writeTinyCheckpoint } from './tiny-model.fixture.js'

registerQuantizer(rowInt8)
export const folder = temporaryFolder(afterAll)
const pool = createKernelPool({ workers: 2 })
afterAll(() => pool.dispose())

/** Loads the checkpoint at `from` as what its config.json says, or quantized with `config`. */
export async function load(
  from: string,
  shell: Shell,
  config?: QuantizationConfigInput,
  options: Partial<LoadOptions> = {},
) {
  const saved = (await readJsonFile(join(from, 'config.json'))).value.quantization_config
  const merged = await AutoQuantizer.merge(saved as never, config)
  const quantizer = merged && AutoQuantizer.create(merged)
  const checkpoint = await openCheckpoint(from)
  afterAll(() => checkpoint.close())
  const store = createScratchStore(folder)
  const environment = nodeEnvironment()
  const loaded = await loadModel({ checkpoint, shell, quantizer, environment, pool, store, ...options })
  return { ...loaded, quantizer }
}

/** Saves a model that was loaded from `from`. @returns the folder */
export async function save(
  to: string,
  from: string,
  model: Awaited<ReturnType<typeof load>>,
  maxShardBytes?: number,
) {
  const config = (await readJsonFile(join(from, 'config.json'))).document
  const { shell, quantizer } = model
  await saveModel(to, {
    shell,
    quantizer,
    config,
    pool,
    maxShardBytes,
    sourceFolder: from,
    dtype: shell.dtype,
  })
  return to
}

/** Bytes of every tensor of the model, by name. */
export const bytesOf = async (shell: Shell) =>
  Object.fromEntries(
    await Promise.all(
      stateDict(shell).map(async ({ name, parameter }) => [name, await readParameter(parameter)] as const),
    ),
  )

/** The tiny model in float32. */
export const float = await writeTinyCheckpoint(join(folder, 'float'))
