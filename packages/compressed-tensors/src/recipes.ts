import type { QuantizationConfig } from '@hfquant/core'

export const recipes: Readonly<Record<string, () => QuantizationConfig>> = {}
