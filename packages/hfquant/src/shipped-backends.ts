// Made by tools/list-backends.mjs.
import { signs as awq } from '@hfquant/awq/signs'
import { signs as bitsandbytes } from '@hfquant/bitsandbytes/signs'
import { signs as compressedTensors } from '@hfquant/compressed-tensors/signs'
import { signs as float8 } from '@hfquant/float8/signs'
import { signs as gptq } from '@hfquant/gptq/signs'
import { signs as mxfp4 } from '@hfquant/mxfp4/signs'
import { signs as quanto } from '@hfquant/quanto/signs'
import { signs as torchao } from '@hfquant/torchao/signs'
import type { ShippedPackage } from './backends.js'

export const shippedBackends: readonly ShippedPackage[] = [
  {
    packageName: '@hfquant/torchao',
    signs: torchao,
    import: () => import('@hfquant/torchao'),
  },
  {
    packageName: '@hfquant/bitsandbytes',
    signs: bitsandbytes,
    import: () => import('@hfquant/bitsandbytes'),
  },
  {
    packageName: '@hfquant/gptq',
    signs: gptq,
    import: () => import('@hfquant/gptq'),
  },
  {
    packageName: '@hfquant/mxfp4',
    signs: mxfp4,
    import: () => import('@hfquant/mxfp4'),
  },
  {
    packageName: '@hfquant/float8',
    signs: float8,
    import: () => import('@hfquant/float8'),
  },
  {
    packageName: '@hfquant/awq',
    signs: awq,
    import: () => import('@hfquant/awq'),
  },
  {
    packageName: '@hfquant/compressed-tensors',
    signs: compressedTensors,
    import: () => import('@hfquant/compressed-tensors'),
  },
  {
    packageName: '@hfquant/quanto',
    signs: quanto,
    import: () => import('@hfquant/quanto'),
  },
]
