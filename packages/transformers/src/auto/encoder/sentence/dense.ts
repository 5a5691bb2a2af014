import { join } from 'node:path'
import {
  CapabilityError,
  CheckpointError,
  type CheckpointTensor,
  ConfigError,
  type Dtype,
  isFloatDtype,
  type JsonObject,
  openCheckpoint,
  readBoolean,
  readInteger,
  readString,
  storedWeight,
} from '@hfquant/core/runtime'
import { castFloats } from '@hfquant/kernels'

/** A linear layer behind the pooling: activation(W·x + b). */
export interface Dense {
  /** Row-major [outFeatures, inFeatures]. */
  readonly weight: Float32Array
  readonly bias: Float32Array | undefined
  readonly inFeatures: number
  readonly outFeatures: number
  readonly activation: 'identity' | 'tanh'
}

/**
 * Reads the folder of a Dense module.
 *
 * @param width of the vector before it.
 * @throws CapabilityError DENSE_ACTIVATION; ConfigError or CheckpointError for files that cannot be read or do not fit.
 */
export async function readDense(folder: string, json: JsonObject, width: number): Promise<Dense> {
  const inFeatures = featuresIn(json, 'in_features', folder)
  if (inFeatures !== width) throw wrongFeatures(folder, 'in_features', inFeatures, String(width))
  const outFeatures = featuresIn(json, 'out_features', folder)
  const activation = readActivation(
    readString(json, 'activation_function', 'torch.nn.modules.activation.Tanh'),
  )
  await using checkpoint = await openCheckpoint(folder)
  const stored = storedWeight(checkpoint, 'linear')
  const floats = async (key: string, shape: readonly number[]) => {
    const tensor = stored?.tensors.get(key)
    if (tensor === undefined || tensor.shape.join() !== shape.join() || !isFloatDtype(tensor.dtype)) {
      throw misfit(folder, key, tensor, shape)
    }
    return widened(await stored!.read(key), tensor.dtype)
  }
  return {
    weight: await floats('weight', [outFeatures, inFeatures]),
    bias: readBoolean(json, 'bias', true) ? await floats('bias', [outFeatures]) : undefined,
    ...{ inFeatures, outFeatures, activation },
  }
}

/** Sums in double precision. */
export function applyDense(
  { weight, bias, inFeatures, outFeatures, activation }: Dense,
  x: Float64Array,
): Float64Array {
  return Float64Array.from({ length: outFeatures }, (_, row) => {
    let sum = bias?.[row] ?? 0
    for (let column = 0; column < inFeatures; column++) sum += weight[row * inFeatures + column]! * x[column]!
    return activation === 'tanh' ? Math.tanh(sum) : sum
  })
}

/** The name of a class, of which the last part counts. */
function readActivation(name: string): Dense['activation'] {
  switch (name.split('.').at(-1)) {
    case 'Identity':
      return 'identity'
    case 'Tanh':
      return 'tanh'
    default:
      throw new CapabilityError('DENSE_ACTIVATION', `activation_function "${name}" is not offered`, {
        field: 'activation_function',
        found: name,
        expected: ['Identity', 'Tanh'],
        hint: 'Take hidden states with encode, and compute what stands behind them.',
      })
  }
}

const MAX_FEATURES = 2 ** 20

function featuresIn(json: JsonObject, key: string, folder: string): number {
  const count = readInteger(json, key, 0)
  if (count >= 1 && count <= MAX_FEATURES) return count
  throw wrongFeatures(folder, key, count, `1 to ${MAX_FEATURES}`)
}

const wrongFeatures = (folder: string, field: string, found: number, expected: string): ConfigError =>
  new ConfigError('FIELD_VALUE', `${field} is ${found}, expected ${expected}`, {
    file: join(folder, 'config.json'),
    ...{ field, found, expected },
    hint: 'Take the files of all modules from one revision.',
  })

function widened(bytes: Uint8Array, dtype: Dtype): Float32Array {
  const floats = dtype === 'float32' ? bytes.slice() : castFloats(bytes, dtype as 'float16', 'float32')
  return new Float32Array(floats.buffer, floats.byteOffset, floats.byteLength / 4)
}

const misfit = (
  folder: string,
  key: string,
  tensor: Pick<CheckpointTensor, 'dtype' | 'shape'> | undefined,
  shape: readonly number[],
): CheckpointError =>
  new CheckpointError(
    tensor === undefined ? 'TENSOR_MISSING' : 'TENSOR_MISMATCH',
    `${folder} has ${tensor === undefined ? 'no' : `${tensor.dtype} [${tensor.shape}] as`} "linear.${key}", expected floats [${shape}]`,
    {
      tensor: `linear.${key}`,
      file: folder,
      hint: 'config.json of the module and its weights differ; take both from the same revision.',
    },
  )
