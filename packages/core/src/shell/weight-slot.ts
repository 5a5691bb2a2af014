/** The float weight of a module, where it may be quantized: the matrix that its parameter "weight" holds. */
export interface WeightSlot {
  readonly kind: 'linear' | 'embedding'
  readonly outFeatures: number
  readonly inFeatures: number
  /** Order of the axes in the parameter: [outFeatures, inFeatures], or the other way round. */
  readonly stored: 'out-in' | 'in-out'
  /** False for a weight that stays in float whatever the method, such as a router's. */
  readonly quantizable: boolean
  /**
   * True for one of the weights that a file keeps in one tensor, such as those of all experts. Only a method that names its
   * components of such a tensor quantizes them.
   */
  readonly stacked: boolean
}
