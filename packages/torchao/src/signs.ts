import type { MethodSigns } from '@hfquant/core'

export const signs: readonly MethodSigns[] = [
  {
    quantMethod: 'torchao',
    recognizes: ({ metadata }) => metadata.tensor_names !== undefined,
    ownsClass: (className) => className.startsWith('torchao.'),
  },
]
