import { RuntimeError } from '@hfquant/core/errors'

/** The logits leave no token to choose. */
export class SamplingError extends RuntimeError {
  static override readonly family: string = 'hfquant.runtime.sampling'
}
