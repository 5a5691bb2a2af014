import type { ModelInspection } from 'hfquant'

/** Whether a model finds the labels that each call names, and has no classes of its own. */
export const isGliner = ({ architecture }: ModelInspection): boolean => architecture === 'GLiNER'
