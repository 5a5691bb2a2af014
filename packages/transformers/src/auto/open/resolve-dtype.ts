import {
  type Checkpoint,
  type FloatDtype,
  isFloatDtype,
  type JsonObject,
  parseFloatDtype,
} from '@hfquant/core/runtime'

/**
 * The argument, else what config.json says, else the index of the shards, else the first float tensor. Models compute in
 * at most 32 bits: float64, which merge scripts leave in files, becomes float32.
 *
 * Of a quantized checkpoint, the weights that are float all the same decide before config.json, where all of them have one
 * dtype: tools that quantize leave another one there, and a cast would not be undone by saving.
 *
 * @param isQuantized true for a checkpoint whose weights are quantized already.
 * @throws ConfigError for a name that is no float dtype.
 */
export function resolveDtype(
  argument: string | null | undefined,
  json: JsonObject,
  checkpoint: Checkpoint,
  isQuantized = false,
): FloatDtype {
  if (isNamed(argument)) return parseFloatDtype(argument)
  const stored = isQuantized ? weightDtype(checkpoint) : undefined
  if (stored !== undefined) return stored
  const named = json.dtype ?? json.torch_dtype
  if (named !== undefined && named !== null && named !== 'auto')
    return parseStoredDtype(named, `${checkpoint.folder}/config.json: dtype`)
  if (checkpoint.indexDtype !== undefined && checkpoint.indexDtype !== null)
    return parseStoredDtype(checkpoint.indexDtype, `${checkpoint.path}: metadata.dtype`)
  const first = [...checkpoint.tensors.values()].find(({ dtype }) => isFloatDtype(dtype))
  return (first?.dtype as FloatDtype | undefined) ?? 'float32'
}

/** The dtype of all weights that are float. */
function weightDtype({ tensors }: Checkpoint): FloatDtype | undefined {
  const weights = [...tensors].filter(([name]) => name.endsWith('.weight')).map(([, { dtype }]) => dtype)
  const [first, ...others] = new Set(weights.filter(isFloatDtype))
  return others.length === 0 ? first : undefined
}

/** False for a `dtype` argument that leaves the choice to the checkpoint. */
export const isNamed = (argument: string | null | undefined): argument is string =>
  argument != null && argument !== 'auto'

const parseStoredDtype = (named: unknown, field: string): FloatDtype =>
  typeof named === 'string' && /^(torch\.)?(float64|double)$/.test(named)
    ? 'float32'
    : parseFloatDtype(named, field)
