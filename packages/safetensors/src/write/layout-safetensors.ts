import { SafetensorsError } from '../errors.js'
import type { SafetensorsIndexJson } from './format-safetensors-index.js'
import {
  checkMetadata,
  type FileLayout,
  layoutFile,
  type SizedTensor,
  sizeTensors,
  type TensorSpec,
} from './layout-file.js'

export interface LayoutOptions {
  /** `__metadata__`, repeated in every shard; left out when undefined. */
  readonly metadata?: Readonly<Record<string, string>>
  /** Bytes of tensor data in one file; default 50 GB (50e9), like the Python libraries. */
  readonly maxShardBytes?: number
  /** What file names begin with; default `model`. */
  readonly baseName?: string
  /** `total_parameters` of the index; left out when undefined. */
  readonly totalParameters?: number
}

/** Everything about a checkpoint but the data. */
export interface CheckpointLayout {
  readonly files: readonly FileLayout[]
  /** Only when there are several files. */
  readonly index?: { readonly fileName: string; readonly json: SafetensorsIndexJson }
}

const DEFAULT_MAX_SHARD_BYTES = 50e9

/**
 * Decides where every byte goes before any is written: the bytes can then arrive in any order, from any thread, by
 * position.
 *
 * Shards are cut as `split_torch_state_dict_into_shards` of huggingface_hub cuts them: tensors fill a shard in the
 * given order until the next one would exceed the limit; one that is larger than the limit gets a file of its own and
 * the shard in progress continues after it.
 *
 * @throws {@link SafetensorsError} when a tensor, the metadata or an option cannot be written
 */
export function layoutSafetensors(
  tensors: readonly TensorSpec[],
  options: LayoutOptions = {},
): CheckpointLayout {
  const { metadata, maxShardBytes = DEFAULT_MAX_SHARD_BYTES, baseName = 'model', totalParameters } = options
  const single = `${baseName}.safetensors`
  if (!(maxShardBytes > 0)) {
    const hint = 'Give a positive number of bytes, or leave it out.'
    throw new SafetensorsError(
      'SAFETENSORS_RANGE',
      `${single}: maxShardBytes is ${maxShardBytes}, expected more than 0`,
      {
        file: single,
        hint,
      },
    )
  }
  if (!/^[^/\\\0]+$/.test(baseName)) {
    const hint = 'Give a file name without folders and extension.'
    throw new SafetensorsError('SAFETENSORS_BAD_NAME', `baseName is ${JSON.stringify(baseName)}`, {
      file: single,
      hint,
    })
  }
  if (metadata !== undefined) checkMetadata(metadata, single)

  const shards = cutShards(sizeTensors(tensors, single), maxShardBytes)
  if (shards.length === 1) return { files: [layoutFile(single, shards[0]!, metadata)] }

  const padded = (number: number) => String(number).padStart(5, '0')
  const files = shards.map((shard, index) =>
    layoutFile(`${baseName}-${padded(index + 1)}-of-${padded(shards.length)}.safetensors`, shard, metadata),
  )
  const json: SafetensorsIndexJson = {
    metadata: {
      ...(totalParameters !== undefined && { total_parameters: totalParameters }),
      total_size: shards.flat().reduce((total, { byteLength }) => total + byteLength, 0),
    },
    weight_map: weightMap(files),
  }
  return { files, index: { fileName: `${single}.index.json`, json } }
}

/** At least one shard, also for no tensors at all. */
function cutShards(tensors: readonly SizedTensor[], maxShardBytes: number): SizedTensor[][] {
  const shards: SizedTensor[][] = []
  let current: SizedTensor[] = []
  let currentBytes = 0
  for (const tensor of tensors) {
    if (tensor.byteLength > maxShardBytes) {
      shards.push([tensor])
      continue
    }
    if (currentBytes + tensor.byteLength > maxShardBytes) {
      shards.push(current)
      current = []
      currentBytes = 0
    }
    current.push(tensor)
    currentBytes += tensor.byteLength
  }
  if (current.length > 0 || shards.length === 0) shards.push(current)
  return shards
}

/** Without prototype: a tensor may be called `__proto__`. */
function weightMap(files: readonly FileLayout[]): Record<string, string> {
  const map = Object.create(null) as Record<string, string>
  for (const { fileName, tensors } of files) {
    for (const name of tensors.keys()) map[name] = fileName
  }
  return map
}
