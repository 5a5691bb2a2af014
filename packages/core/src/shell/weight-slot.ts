import { joinPath } from './join-path.js'

/** A float weight of a module that may be quantized: one matrix, or several of one shape. */
export interface WeightSlot {
  /** The parameter that holds it: "weight", or "gate_up_proj" of a module with several weights. */
  readonly key: string
  readonly kind: 'linear' | 'embedding' | 'experts'
  /** 1, or the number of experts: the parameter then has that as its first axis. */
  readonly matrices: number
  /** Of one matrix. */
  readonly outFeatures: number
  readonly inFeatures: number
  /** Order of the axes of each matrix in the parameter: [outFeatures, inFeatures], or the other way round. */
  readonly stored: 'out-in' | 'in-out'
  /** False for a weight that stays in float whatever the method, such as a router's. */
  readonly quantizable: boolean
}

/** The key of a weight that stands for its whole module: quantized, the module is replaced. */
const WHOLE = 'weight'

/** True for a weight that stands for its whole module. */
export const isWholeModule = ({ key }: Pick<WeightSlot, 'key'>): boolean => key === WHOLE

/** The name that a weight goes by: the path of its module, followed by its key where the module has several weights. */
export const weightPath = (modulePath: string, slot: Pick<WeightSlot, 'key'>): string =>
  isWholeModule(slot) ? modulePath : joinPath(modulePath, slot.key)

/** The rows that a format sees: those of all matrices, one matrix behind the other. */
export const rowsOfSlot = ({ matrices, outFeatures }: WeightSlot): number => matrices * outFeatures

/** Shape of the parameter. */
export function shapeOfSlot({
  matrices,
  outFeatures,
  inFeatures,
  stored,
  kind,
}: WeightSlot): readonly number[] {
  const matrix = stored === 'out-in' ? [outFeatures, inFeatures] : [inFeatures, outFeatures]
  return kind === 'experts' ? [matrices, ...matrix] : matrix
}
