import type { Skip } from './format.js'

/** A module that stays in float; the reason is shown in the report. */
export const skip = (reason: string): Skip => ({ skip: reason })
