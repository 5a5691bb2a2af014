import type { CheckpointHeaders } from '@hfquant/core'
import { CODES, PACKED_CODES, SCALE } from '../format/layout.js'
import { slabHeight } from '../format/packing.js'
import type { ModuleMap, ModuleTypes } from './modules.js'
import { BYTE_TYPES, type ByteType, PACKED_TYPES, type WeightType } from './types.js'

/** The map of a checkpoint that lost it; undefined when no weight is stored as optimum-quanto stores them. */
export function recoverModules({ tensors }: CheckpointHeaders): ModuleMap | undefined {
  const modules = new Map<string, ModuleTypes>()
  for (const [name, { dtype, shape }] of tensors) {
    const path = [PACKED_CODES, CODES].flatMap((key) => cut(name, `.${key}`) ?? [])[0]
    if (path === undefined) continue
    const weights: WeightType = name.endsWith(PACKED_CODES)
      ? packedType(shape[0], tensors.get(`${path}.${SCALE}`)?.shape[0])
      : ((Object.keys(BYTE_TYPES) as ByteType[]).find((type) => BYTE_TYPES[type] === dtype) ?? 'qint8')
    modules.set(path, { weights, activations: 'none' })
  }
  return modules.size === 0 ? undefined : modules
}

const cut = (name: string, ending: string): string | undefined =>
  name.endsWith(ending) ? name.slice(0, -ending.length) : undefined

/** As many rows of bytes as groups tell the bits of a code. */
const packedType = (rows: number | undefined, groups = 0): WeightType =>
  rows === slabHeight(groups, PACKED_TYPES.qint4) ? 'qint4' : 'qint2'
