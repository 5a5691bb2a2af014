import {
  QuantizedModule,
  readParameter,
  replaceModule,
  type Shell,
  storageRange,
  walkModules,
  writeRange,
} from '@hfquant/core'
import { int32s } from './int32s.js'
import { type GptqLayout, groupCount } from './layout.js'
import { layoutOf, withLayout } from './layout-of.js'
import { packZeroPoints, unpackZeroPoints, type ZeroPointFormat } from './zero-points.js'

/**
 * Decides how zero points are stored once all of them are known: as v1, which every reader knows, unless one of them is 0.
 * Until then they lie in the files as they are.
 */
export async function settleZeroPoints(
  format: ZeroPointFormat | 'auto',
  shell: Shell,
): Promise<ZeroPointFormat> {
  if (format !== 'auto') return format
  const modules = [...walkModules(shell.root)].flatMap(([, module]) =>
    module instanceof QuantizedModule && layoutOf(module) !== undefined ? [module] : [],
  )
  const pending = modules.filter((module) => layoutOf(module)!.zeroPoints === 'gptq_v2')
  for (const module of pending) {
    if ((await zeroPointsOf(module)).includes(0)) return settle(modules, 'gptq_v2', shell)
  }
  return settle(modules, 'gptq', shell)
}

async function settle(
  modules: readonly QuantizedModule[],
  format: ZeroPointFormat,
  shell: Shell,
): Promise<ZeroPointFormat> {
  for (const module of modules) {
    const layout = layoutOf(module)!
    if (layout.zeroPoints === format) continue
    const zeros = await zeroPointsOf(module)
    const { outFeatures } = module.info
    const words = packZeroPoints(zeros, groupsOf(module, layout), outFeatures, layout.bits, format)
    await writeRange(storageRange(module.component('qzeros')).range, new Uint8Array(words.buffer))
    replaceModule(shell.root, module.info.path, withLayout(module, { ...layout, zeroPoints: format }))
  }
  return format
}

async function zeroPointsOf(module: QuantizedModule): Promise<Uint8Array> {
  const layout = layoutOf(module)!
  return unpackZeroPoints(
    int32s(await readParameter(module.component('qzeros'))),
    groupsOf(module, layout),
    module.info.outFeatures,
    layout.bits,
    layout.zeroPoints,
  )
}

const groupsOf = (module: QuantizedModule, layout: GptqLayout): number =>
  groupCount(module.info.inFeatures, layout.groupSize)
