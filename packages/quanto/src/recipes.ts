import type { QuantizationConfig } from '@hfquant/core'

/** None: its grids are those of other recipes, in files that fewer programs read. */
export const recipes: Readonly<Record<string, () => QuantizationConfig>> = {}
