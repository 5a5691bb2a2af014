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
 * @throws ConfigError for a name that is no float dtype.
 */
export function resolveDtype(
  argument: string | null | undefined,
  json: JsonObject,
  checkpoint: Checkpoint,
): FloatDtype {
  if (isNamed(argument)) return parseFloatDtype(argument)
  const named = json.dtype ?? json.torch_dtype
  if (named !== undefined && named !== null && named !== 'auto')
    return parseStoredDtype(named, `${checkpoint.folder}/config.json: dtype`)
  if (checkpoint.indexDtype !== undefined && checkpoint.indexDtype !== null)
    return parseStoredDtype(checkpoint.indexDtype, `${checkpoint.path}: metadata.dtype`)
  const first = [...checkpoint.tensors.values()].find(({ dtype }) => isFloatDtype(dtype))
  return (first?.dtype as FloatDtype | undefined) ?? 'float32'
}

/** False for a `dtype` argument that leaves the choice to the checkpoint. */
export const isNamed = (argument: string | null | undefined): argument is string =>
  argument != null && argument !== 'auto'

const parseStoredDtype = (named: unknown, field: string): FloatDtype =>
  typeof named === 'string' && /^(torch\.)?(float64|double)$/.test(named)
    ? 'float32'
    : parseFloatDtype(named, field)
