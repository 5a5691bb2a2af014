import {
  CheckpointError,
  isFloatDtype,
  type QuantizedFormat,
  type Skip,
  type StoredWeight,
  skip,
  storedTensors,
  type WeightInfo,
} from '@hfquant/core'
import { findScheme } from '../config/find-scheme.js'
import type { Scheme } from '../config/scheme.js'
import type { CompressedTensorsSettings } from '../config/settings.js'
import { checkValues } from './check-values.js'
import { compressedFormat } from './compressed-format.js'
import { integerForm } from './integer-form.js'
import { PACKED, SCALE, WEIGHT } from './layout.js'
import { readLayout } from './read-layout.js'

/**
 * The format of a stored weight. The tensors decide what it is; the group that the config has for the module says how they
 * are to be read. A module with a float weight stays as it is: files in which weights are not compressed yet have scales
 * beside it.
 *
 * @throws CheckpointError naming module, tensor, what was found and what was expected.
 */
export async function storedFormat(
  weight: WeightInfo,
  { groups, kvCacheScheme }: Pick<CompressedTensorsSettings, 'groups' | 'kvCacheScheme'>,
  stored: StoredWeight,
): Promise<QuantizedFormat | Skip> {
  const tensors = storedTensors(weight, stored)
  if (!tensors.has(PACKED) && isFloatDtype(tensors.part(WEIGHT).dtype)) return skip('is stored in float')
  tensors.part(SCALE)
  const read = (scheme: Scheme) => readLayout(weight, scheme, tensors)
  const scheme = schemeOf(weight, groups, stored, read)
  const found = read(scheme)
  const layout = { ...found, groupOf: await checkValues(weight, found, tensors) }
  const integers =
    kvCacheScheme === null
      ? integerForm(weight, layout, scheme)
      : skip('has keys and values that are quantized as well (kv_cache_scheme)')
  return { ...compressedFormat(layout, weight), ...(integers && { integers }) }
}

/** The group that names the module; where none does, the only one that its tensors fit. */
function schemeOf(
  weight: WeightInfo,
  groups: readonly Scheme[],
  { tensors }: StoredWeight,
  read: (scheme: Scheme) => unknown,
): Scheme {
  const [first] = tensors
  const nameInFile = first?.[1].name?.slice(0, -(first[0].length + 1))
  const named = findScheme(groups, [nameInFile ?? weight.path, weight.path], weight.kind)
  if (named !== undefined && named.weights !== null) return named
  const fitting = groups.filter((scheme) => scheme.weights !== null && fits(() => read(scheme)))
  if (fitting.length === 1) return fitting[0]!
  const found = fitting.length === 0 ? 'none of them' : fitting.map(({ name }) => name).join(' and ')
  throw new CheckpointError(
    'CONFIG_CONTRADICTS_TENSORS',
    `${weight.path} has quantized tensors and is named by no group of config_groups; ${found} would fit`,
    {
      ...{ module: weight.path, file: first?.[1].file, field: 'config_groups', found },
      ...{
        expected: groups.map(({ name }) => name),
        hint: 'Take config.json and the weights from the same revision.',
      },
    },
  )
}

function fits(read: () => unknown): boolean {
  try {
    read()
    return true
  } catch (error) {
    if (CheckpointError.isInstance(error)) return false
    throw error
  }
}
